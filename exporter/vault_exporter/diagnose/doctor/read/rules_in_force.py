"""The rules that a server has loaded, and the jobs that they select."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from vault_exporter.alert_rules.parameters import JOBS

__all__ = ["Firing", "JobNames", "LoadedRule", "RuleGroup", "job_names"]

_SELECTED: Final = re.compile(r'\bjob\s*=~?\s*"([^"]*)"')
_OF_THE_EXPORTER: Final = "VaultExporterPageDown"
_OF_AGENTS: Final = "VaultAgentAuthFailing"
_OF_THE_INJECTOR: Final = frozenset({"VaultAgentInjectorDown", "VaultAgentInjectionsFailing", "VaultAgentInjectorSlow"})


class Firing(msgspec.Struct, frozen=True, rename="camel"):
    """An alert that is pending or firing."""

    state: str = ""
    active_at: str = ""


class LoadedRule(msgspec.Struct, frozen=True, rename="camel"):
    """A rule as the server has it."""

    name: str
    query: str = ""
    type: str = ""
    duration: float = 0.0
    labels: dict[str, str] = {}
    health: str = ""
    last_error: str = ""
    last_evaluation: str = ""
    alerts: tuple[Firing, ...] = ()

    @property
    def is_alert(self) -> bool:
        """Whether it is an alert and no recording rule."""
        return self.type == "alerting"


class RuleGroup(msgspec.Struct, frozen=True, rename="camel"):
    """Rules that are evaluated in sequence."""

    name: str
    file: str = ""
    rules: tuple[LoadedRule, ...] = ()
    interval: float = 0.0
    evaluation_time: float = 0.0

    def __str__(self) -> str:
        return f"{self.file}: group {self.name}" if self.file else f"group {self.name}"


class JobNames(msgspec.Struct, frozen=True):
    """The regular expressions of ``job``."""

    node: str
    exporter: str
    agent: str
    injector: str

    def is_node(self, job: str) -> bool:
        """Whether the rules take the job for one of nodes."""
        return _matches(self.node, job)

    def is_ours(self, job: str) -> bool:
        """Whether the rules select the job at all."""
        return self.is_node(job) or _matches(self.exporter, job)

    @staticmethod
    def quoted(pattern: str) -> str:
        """Return the pattern for a string of PromQL."""
        return pattern.replace("\\", "\\\\").replace('"', '\\"')


def job_names(groups: Iterable[RuleGroup]) -> JobNames:
    """Return what the loaded rules of the pack select; the defaults of the pack where none is loaded."""
    node, exporter = JOBS["job"], JOBS["exporter_job"]
    rules = tuple(_of_the_pack(groups))
    selected = Counter(job for rule in rules for job in _SELECTED.findall(rule.query))
    if selected:
        node = selected.most_common(1)[0][0]
        own = (job for rule in rules if rule.name == _OF_THE_EXPORTER for job in _jobs(rule))
        both = (job.removeprefix(f"{node}|") for job in selected if job.startswith(f"{node}|"))
        exporter = next(own, next(both, exporter))
    agent = next((job for rule in rules if rule.name == _OF_AGENTS for job in _jobs(rule)), JOBS["agent_job"])
    injector = next(
        (job for rule in rules if rule.name in _OF_THE_INJECTOR for job in _jobs(rule)), JOBS["injector_job"]
    )
    return JobNames(node, exporter, agent, injector)


def _of_the_pack(groups: Iterable[RuleGroup]) -> Iterator[LoadedRule]:
    return (rule for group in groups for rule in group.rules if rule.is_alert and rule.name.startswith("Vault"))


def _jobs(rule: LoadedRule) -> list[str]:
    return _SELECTED.findall(rule.query)


def _matches(pattern: str, job: str) -> bool:
    try:
        return re.fullmatch(pattern, job) is not None
    except re.error:  # of Go's syntax, and not of Python's
        return pattern == job
