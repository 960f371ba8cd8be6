"""The parameters of the rules, and how to apply them.

Thresholds are declared beside the rules that use them. Other parameters are the jobs, the addresses, the scrape
interval, and ``for``, ``severity`` and ``enabled`` of each alert.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from vault_exporter.alert_rules.build import runbook_url, thresholds
from vault_exporter.alert_rules.rules import ADDRESSES, Group, PackError, Rule, alerts
from vault_exporter.alert_rules.source import Parameter, sources

__all__ = ["ADDRESSES", "JOBS", "SCRAPE_INTERVAL", "Overrides", "apply", "parameters"]

Overrides = Mapping[str, str]
"""Values by parameter name, as given on the command line."""

JOBS: Final = {"job": "vault", "exporter_job": "vault-exporter"}
"""Regular expressions of the label `job`, for nodes and for the exporter's own metrics."""
SCRAPE_INTERVAL: Final = "1m"
"""Longest scrape interval that the default rules support."""

_OF_AN_ALERT: Final = ("for", "severity", "enabled")
_SEVERITIES: Final = ("critical", "warning", "info")
_NUMBER: Final = re.compile(r"\d+(\.\d+)?([eE][+-]?\d+)?")
_DURATION: Final = re.compile(r"(\d+(ms|[smhdwy]))+|0")
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}
_WINDOW: Final = re.compile(r"(\[|\boffset )((?:\d+(?:ms|[smhdwy]))+)")
_LONGEST_INTERVAL_SECONDS: Final = 240
_LONGEST_WINDOW_SECONDS: Final = 900
"""Longer windows contain enough scrapes."""
_LONGEST_WAIT_SECONDS: Final = 300
"""Longer ``for`` durations span more than two scrapes."""


def parameters() -> dict[str, Parameter]:
    """Return the declared thresholds."""
    return {name: one for file in sources().values() for name, one in file.parameters.items()}


def apply(groups: Iterable[Group], overrides: Overrides) -> tuple[Group, ...]:
    """Return the rules with changed parameters.

    Raises:
        PackError: a name is unknown (the message lists the known ones), or a value has the wrong type.
    """
    groups, declared = tuple(groups), parameters()
    changes = dict(_checked(overrides, declared, alerts(groups)))
    values = {name: changes.get(name, str(parameter.value)) for name, parameter in declared.items()}
    return tuple(
        msgspec.structs.replace(
            group, rules=tuple(_changed(rule, changes, values) for rule in group.rules if _enabled(rule, changes))
        )
        for group in groups
    )


def _checked(
    overrides: Overrides, declared: Mapping[str, Parameter], known: Mapping[str, Rule]
) -> Iterator[tuple[str, str]]:
    plain = [*JOBS, *ADDRESSES, "scrape_interval", *declared]
    for name, value in overrides.items():
        alert, _, key = name.partition(".")
        if name in plain:
            if name in declared and not _NUMBER.fullmatch(value):
                raise PackError(f"{name}: {value!r} is not a number")
            if name == "scrape_interval" and not (
                _DURATION.fullmatch(value) and 0 < _seconds(value) <= _LONGEST_INTERVAL_SECONDS
            ):
                raise PackError(
                    f"{name}: {value!r} is not a duration of at most 4m: Prometheus takes a series for gone after 5m"
                )
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


def _changed(rule: Rule, changes: Overrides, values: Overrides) -> Rule:
    factor = max(1.0, _seconds(changes.get("scrape_interval", SCRAPE_INTERVAL)) / _seconds(SCRAPE_INTERVAL))
    expr = _scaled(thresholds(rule.template or rule.expr, values), factor)
    notes = dict(rule.annotations)
    if "runbook_url" in notes and "runbook_url" in changes:
        notes["runbook_url"] = runbook_url(changes["runbook_url"], rule.alert)
    if "dashboard_url" in notes and "dashboard_url" in changes:
        notes["dashboard_url"] = notes["dashboard_url"].replace(
            ADDRESSES["dashboard_url"], changes["dashboard_url"].rstrip("/")
        )
    labels = rule.labels
    if f"{rule.alert}.severity" in changes:
        labels = {**labels, "severity": changes[f"{rule.alert}.severity"]}
    return msgspec.structs.replace(
        rule,
        expr=_with_jobs(expr, changes, '"'),
        for_=changes.get(f"{rule.alert}.for", _longer(rule.for_, factor, _LONGEST_WAIT_SECONDS)),
        labels=labels,
        annotations={key: _scaled(_with_jobs(text, changes, '\\"'), factor) for key, text in notes.items()},
    )


def _scaled(text: str, factor: float) -> str:
    """Extend windows that would contain too few scrapes."""
    return _WINDOW.sub(lambda found: f"{found[1]}{_longer(found[2], factor, _LONGEST_WINDOW_SECONDS)}", text)


def _longer(duration: str, factor: float, longest: int) -> str:
    if factor == 1 or not duration or _seconds(duration) > longest:
        return duration
    return f"{round(_seconds(duration) * factor)}s"


def _seconds(duration: str) -> float:
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))


def _with_jobs(text: str, changes: Overrides, quote: str) -> str:
    """Replace the default jobs; ``quote`` is the quotation mark of expressions in the text."""
    job, exporter = (changes.get(name, default) for name, default in JOBS.items())
    for old, new in (
        (f"{JOBS['job']}|{JOBS['exporter_job']}", f"{job}|{exporter}"),
        (JOBS["exporter_job"], exporter),
        (JOBS["job"], job),
    ):
        text = text.replace(f"job=~{quote}{old}{quote}", f"job=~{quote}\0{new}{quote}")
    return text.replace("\0", "")
