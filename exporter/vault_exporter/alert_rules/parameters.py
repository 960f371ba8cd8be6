"""The parameters of the rules, and how to apply them.

Thresholds are declared beside the rules that use them. Other parameters are the jobs, the addresses, the scrape
interval, ``for``, ``severity`` and ``enabled`` of each alert, and the values of the label ``severity``.
"""

import contextlib
import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from vault_exporter.alert_rules.build import runbook_url, thresholds
from vault_exporter.alert_rules.rules import ADDRESSES, Group, PackError, Rule, WrongValuesError, alerts
from vault_exporter.alert_rules.source import Parameter, sources
from vault_exporter.config.parse.values import size

__all__ = ["ADDRESSES", "JOBS", "SCRAPE_INTERVAL", "SEVERITIES", "Overrides", "apply", "parameters"]

Overrides = Mapping[str, str]
"""Values by parameter name, as given on the command line."""

JOBS: Final = {
    "job": "vault",
    "exporter_job": "vault-exporter",
    "agent_job": "vault-agent",
    "injector_job": "vault-agent-injector",
}
"""Regular expressions of the label `job`: for nodes, the exporter's own metrics, Vault Agents, and their injector."""
SCRAPE_INTERVAL: Final = "1m"
"""Longest scrape interval that the default rules support."""

_OF_AN_ALERT: Final = ("for", "severity", "enabled")
_SEVERITIES: Final = ("critical", "warning", "info")
SEVERITIES: Final = {f"severity.{one}": one for one in _SEVERITIES}
"""Values of the label `severity` by parameter, so that the user's own routes match: `severity.critical=page`."""
_ADDRESS: Final = re.compile(r"(https?://|\{\{).+")
"""A URL, or a template that makes one."""
_LABEL_VALUE: Final = re.compile(r"[\w.:/-]+")
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
        WrongValuesError: names are unknown, or values have the wrong type.
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
    errors = {}
    for name, value in overrides.items():
        try:
            yield name, _value(name, value, declared, known)
        except PackError as error:
            errors[name] = str(error)
    if errors:
        raise WrongValuesError(errors)


def _value(name: str, value: str, declared: Mapping[str, Parameter], known: Mapping[str, Rule]) -> str:
    plain = [*JOBS, *ADDRESSES, *SEVERITIES, "scrape_interval", *declared]
    alert, _, key = name.partition(".")
    if name in declared:
        return number(name, value)
    if name in plain:
        _check_plain(name, value)
    elif alert in known and key in _OF_AN_ALERT:
        if key == "for" and not _DURATION.fullmatch(value):
            raise PackError(f"{name}: {value!r} is not a duration such as 5m")
        if key == "severity" and value not in _SEVERITIES:
            raise PackError(f"{name}: {value!r} is not one of {', '.join(_SEVERITIES)}")
        if key == "enabled" and value not in {"true", "false"}:
            raise PackError(f"{name}: {value!r} is not one of true, false")
    else:
        every = [*plain, *(f"{one}.{end}" for one in known for end in _OF_AN_ALERT)]
        close = difflib.get_close_matches(name, every, n=3, cutoff=0.75)
        meant = f"; did you mean {' or '.join(close)}?" if close else "."
        raise PackError(f"{name}: unknown parameter{meant} vault-exporter rules --parameters prints the names")
    return value


def _check_plain(name: str, value: str) -> None:
    if name in SEVERITIES and not _LABEL_VALUE.fullmatch(value):
        raise PackError(f"{name}: {value!r} is not a value for a label; use letters, digits and . _ : / -")
    if name == "scrape_interval" and not (
        _DURATION.fullmatch(value) and 0 < _seconds(value) <= _LONGEST_INTERVAL_SECONDS
    ):
        raise PackError(
            f"{name}: {value!r} is not a duration of at most 4m: Prometheus takes a series for gone after 5m"
        )
    if name in ADDRESSES and not _ADDRESS.fullmatch(value):
        raise PackError(f"{name}: {value!r} is not a URL such as https://wiki.example.com/runbooks")
    if name in JOBS and not _good_pattern(value):
        raise PackError(f"{name}: {value!r} is not a regular expression without quotes and backslashes")


def number(name: str, value: str) -> str:
    """Return the number of a threshold. Bytes, seconds and ratios may have a unit: 4GiB, 90s, 80%.

    Raises:
        PackError: it is not a number.
    """
    units = ""
    if _NUMBER.fullmatch(value):
        return value
    if name.endswith("_bytes"):
        units = " or a size such as 4GiB"
        with contextlib.suppress(ValueError):
            return str(size(value))
    elif name.endswith("_seconds"):
        units = " or a duration such as 90s or 7d"
        if _DURATION.fullmatch(value):
            return f"{_seconds(value):g}" if _seconds(value) % 1 else str(int(_seconds(value)))
    elif name.endswith("_ratio"):
        units = " or a percentage such as 80%"
        if value.endswith("%") and _NUMBER.fullmatch(value[:-1]):
            return f"{float(value[:-1]) / 100:g}"
    raise PackError(f"{name}: {value!r} is not a number{units}")


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
    if renamed := changes.get(f"severity.{labels.get('severity')}"):
        labels = {**labels, "severity": renamed}
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
    jobs = {name: changes.get(name, default) for name, default in JOBS.items()}
    both = (f"{JOBS['job']}|{JOBS['exporter_job']}", f"{jobs['job']}|{jobs['exporter_job']}")
    for old, new in (both, *((JOBS[name], job) for name, job in jobs.items())):
        text = text.replace(f"job=~{quote}{old}{quote}", f"job=~{quote}\0{new}{quote}")
    return text.replace("\0", "")
