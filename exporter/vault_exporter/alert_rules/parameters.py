"""What can be changed about the rules, and changing it.

Thresholds are declared in ``alerts/parameters.yml`` by the piece of an expression that they stand in, so that the
files of rules stay plain. Beside them there are the jobs, the addresses, and ``for``, ``severity`` and ``enabled`` of
each alert.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
import yaml

from vault_exporter.alert_rules.rules import Group, PackError, Rule, alerts
from vault_exporter.assets import resource

__all__ = ["ADDRESSES", "JOBS", "Overrides", "Parameter", "apply", "parameters"]

Overrides = Mapping[str, str]
"""Names of parameters and their values, as typed."""

JOBS: Final = {"job": "vault", "exporter_job": "vault-exporter"}
"""Regular expressions of Prometheus' label `job`: for nodes, and for the exporter's own page where it has its own."""
ADDRESSES: Final = {"runbook_url": "{{ $externalURL }}/user/vault/runbooks", "dashboard_url": "http://grafana"}
"""Where the runbooks are, and Grafana; without a slash at the end."""

_OF_AN_ALERT: Final = ("for", "severity", "enabled")
_SEVERITIES: Final = ("critical", "warning", "info")
_NUMBER: Final = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
_DURATION: Final = re.compile(r"(\d+(ms|[smhdwy]))+|0")


class Parameter(msgspec.Struct, frozen=True, rename={"places": "in"}):
    """A threshold."""

    help: str
    value: int | float
    places: dict[str, str]
    """Alert → the piece of its expression, with ``{}`` in the place of the value."""

    def pattern(self, alert: str) -> re.Pattern[str]:
        """Match the piece in the expression of an alert; nothing that only begins like it."""
        before, after = map(re.escape, self.places[alert].split("{}"))
        return re.compile(
            rf"({before}){re.escape(str(self.value))}({after})(?![\d.]| \*)"
            if not after
            else rf"({before}){re.escape(str(self.value))}({after})"
        )


def parameters() -> dict[str, Parameter]:
    """Read the thresholds that are declared."""
    return msgspec.convert(yaml.safe_load(resource("alerts", "parameters.yml").read_text()), dict[str, Parameter])


def apply(groups: Iterable[Group], overrides: Overrides) -> tuple[Group, ...]:
    """Return the rules with other values.

    Raises:
        PackError: a name is not known (the message lists those that are), or a value is not of its kind.
    """
    groups, thresholds = tuple(groups), parameters()
    known = alerts(groups)
    changes = dict(_checked(overrides, thresholds, known))
    return tuple(
        Group(group.name, tuple(_changed(rule, changes, thresholds) for rule in group.rules if _enabled(rule, changes)))
        for group in groups
    )


def _checked(
    overrides: Overrides, thresholds: Mapping[str, Parameter], known: Mapping[str, Rule]
) -> Iterator[tuple[str, str]]:
    plain = [*JOBS, *ADDRESSES, *thresholds]
    for name, value in overrides.items():
        alert, _, key = name.partition(".")
        if name in plain:
            if name in thresholds and not _NUMBER.fullmatch(value):
                raise PackError(f"{name}: {value!r} is not a number")
            if name in JOBS and not _good_pattern(value):
                raise PackError(f"{name}: {value!r} is not a regular expression")
        elif alert in known and key in _OF_AN_ALERT:
            if key == "for" and not _DURATION.fullmatch(value):
                raise PackError(f"{name}: {value!r} is not a duration such as 5m")
            if key == "severity" and value not in _SEVERITIES:
                raise PackError(f"{name}: {value!r} is not one of {', '.join(_SEVERITIES)}")
            if key == "enabled" and value not in {"true", "false"}:
                raise PackError(f"{name}: {value!r} is not one of true, false")
        else:
            every = [*plain, *(f"{one}.{end}" for one in known for end in _OF_AN_ALERT)]
            close = difflib.get_close_matches(name, every, n=1)
            raise PackError(
                f"{name}: unknown parameter{f'; did you mean {close[0]}?' if close else '.'} Known are: "
                f"{', '.join(plain)}, and of each alert ALERT.{', ALERT.'.join(_OF_AN_ALERT)}"
            )
        yield name, value


def _good_pattern(value: str) -> bool:
    try:
        re.compile(value)
    except re.error:
        return False
    return '"' not in value and "\\" not in value


def _enabled(rule: Rule, changes: Overrides) -> bool:
    return changes.get(f"{rule.alert}.enabled") != "false"


def _changed(rule: Rule, changes: Overrides, thresholds: Mapping[str, Parameter]) -> Rule:
    expr = rule.expr
    for name, parameter in thresholds.items():
        if name in changes and rule.alert in parameter.places:
            value = changes[name]
            expr = parameter.pattern(rule.alert).sub(rf"\g<1>{value}\g<2>", expr)
    notes = {
        key: text.replace(ADDRESSES[key], changes.get(key, ADDRESSES[key]).rstrip("/")) if key in ADDRESSES else text
        for key, text in rule.annotations.items()
    }
    labels = rule.labels
    if f"{rule.alert}.severity" in changes:
        labels = {**labels, "severity": changes[f"{rule.alert}.severity"]}
    return msgspec.structs.replace(
        rule,
        expr=_with_jobs(expr, changes, '"'),
        for_=changes.get(f"{rule.alert}.for", rule.for_),
        labels=labels,
        annotations={key: _with_jobs(text, changes, '\\"') for key, text in notes.items()},
    )


def _with_jobs(text: str, changes: Overrides, quote: str) -> str:
    """Put the jobs in the place of those that the files have; ``quote`` is how an expression is quoted there."""
    job, exporter = (changes.get(name, default) for name, default in JOBS.items())
    for old, new in (
        (f"{JOBS['job']}|{JOBS['exporter_job']}", f"{job}|{exporter}"),
        (JOBS["exporter_job"], exporter),
        (JOBS["job"], job),
    ):
        text = text.replace(f"job=~{quote}{old}{quote}", f"job=~{quote}\0{new}{quote}")
    return text.replace("\0", "")
