"""Checks of ``audit`` beyond the types of its keys."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from vault_exporter.audit.count.counters import OPERATIONS, OTHER
from vault_exporter.audit.events.allowed import is_hours
from vault_exporter.audit.events.builtin import BUILT_IN, RAW_VALUES
from vault_exporter.audit.events.rules import OUTCOMES, check_path, check_policy
from vault_exporter.audit.parse.errors import ErrorClass
from vault_exporter.audit.tail.matching import is_pattern
from vault_exporter.audit.tail.rotation import COMPRESSED
from vault_exporter.audit.top.paths import TemplateError
from vault_exporter.audit.top.paths import check as check_template
from vault_exporter.config.parse.path_checks import is_directory
from vault_exporter.config.schema import inputs
from vault_exporter.config.schema.model import AllowedEvents, Audit, EventRule, Events, Threshold
from vault_exporter.util.suggestions import known_here

__all__ = ["check_allowed", "check_audit", "check_events", "check_rule", "check_threshold"]

_Checks = Iterator[tuple[str, str]]

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")
_NAMES: Final = (*dict.fromkeys(rule.event for rule in BUILT_IN), RAW_VALUES)
_TOKEN_TYPES: Final = ("service", "batch", "default")
_MOST_RULES: Final = 100
_MOST_TRACKED: Final = 100_000
_LARGEST_COUNT: Final = 10_000


def check_audit(audit: Audit) -> _Checks:
    """Yield wrong keys, each with a message."""
    yield from _check_logs(audit.logs)
    yield from _check_top(audit)
    named = [inputs.name(given) for given in audit.inputs]
    for name in sorted({name for name in named if named.count(name) > 1}):
        yield "inputs", f"{name} is listed twice"
    if audit.checkpoint is not None:
        if not audit.checkpoint.parent.is_dir():
            yield "checkpoint", f"there is no directory {audit.checkpoint.parent}"
        elif audit.checkpoint.is_dir():
            yield "checkpoint", "is a directory; name a file in it"
        elif audit.checkpoint in audit.logs:
            yield "checkpoint", "is an audit log; name a file of its own"
        elif pattern := next((log for log in audit.logs if is_pattern(log) and audit.checkpoint.match(str(log))), None):
            yield "checkpoint", f"matches {pattern}, so it would be read as an audit log; name a file elsewhere"


def _check_logs(logs: Iterable[Path]) -> _Checks:
    seen: set[Path] = set()
    for log in logs:
        if is_directory(log):
            yield "logs", f"{log} is a directory; name the file in it"
        if log in seen:
            yield "logs", f"{log} is listed twice"
        if log.suffix in COMPRESSED and not is_pattern(log):
            yield "logs", f"{log} is compressed; name the file that Vault writes, and give this one to replay"
        seen.add(log)


def _check_top(audit: Audit) -> _Checks:
    if audit.top.tracked > _MOST_TRACKED:
        yield "top", f"tracked is above {_MOST_TRACKED}; all are kept in memory"
    for template in audit.paths:
        try:
            check_template(template)
        except TemplateError as error:
            yield "paths", f"{template} {error}"
    for key, listed in (("paths", audit.paths), ("top", audit.top.clients)):
        for name in sorted({name for name in listed if listed.count(name) > 1}):
            yield key, f"{name} is listed twice"
    if OTHER in audit.top.clients:
        yield "top", f"{OTHER} stands for all clients that are not listed; leave it out"


def check_events(events: Events) -> _Checks:
    """Yield wrong keys, each with a message."""
    yield from _unknown("disable", events.disable, _NAMES, "a built-in event")
    if len(events.rules) > _MOST_RULES:
        yield "rules", f"more than {_MOST_RULES}; each event is a series for ever"

    known = (*_NAMES, *(rule.event for rule in events.rules))
    for allowed in events.allow:
        yield from _unknown("allow", allowed.events, known, "an event")
        if RAW_VALUES in allowed.events:
            yield "allow", f"{RAW_VALUES} cannot be allowed, since it says nothing of who asked; disable it instead"


def check_allowed(allowed: AllowedEvents) -> _Checks:
    """Yield wrong keys, each with a message."""
    if allowed.hours and not is_hours(allowed.hours):
        yield "hours", "is not a span of the day; write it as HH:MM-HH:MM, in UTC"
    if not allowed.events:
        yield "events", "is empty; name the events that are allowed"
    if not (allowed.entity_ids or allowed.display_names or allowed.hours):
        yield "events", "would always be allowed; give entity_ids, display_names or hours, or disable the event"


def check_rule(rule: EventRule) -> _Checks:
    """Yield wrong keys, each with a message."""
    if not _NAME.fullmatch(rule.event):
        yield "event", "not a name; use small letters, digits and _, starting with a letter, at most 64"
    elif rule.event in _NAMES:
        yield "event", f"{rule.event} is built in; choose another name, or leave the rule out"
    for key, patterns, check in (
        ("paths", rule.paths, check_path),
        ("policies", rule.policies, check_policy),
        ("issued_policies", rule.issued_policies, check_policy),
    ):
        for pattern in patterns:
            if problem := check(pattern):
                yield key, f"{pattern} {problem}"
    yield from _unknown("operations", rule.operations, sorted(OPERATIONS - {""}), "an operation")
    yield from _unknown("errors", rule.errors, tuple(ErrorClass), "a class of errors")
    yield from _unknown("token_types", rule.token_types, _TOKEN_TYPES, "a type of token")
    yield from _unknown("outcome", [rule.outcome], OUTCOMES, "an outcome")
    if rule.errors and rule.outcome == "any":
        yield "outcome", "cannot be any beside errors, which make it a failure; leave it out"
    conditions = (
        *(rule.paths, rule.operations, rule.mount_types, rule.errors, rule.policies, rule.token_types),
        *(rule.logins, rule.issued_policies, rule.issued_without_expiry, rule.outcome == "failure"),
    )
    if not any(conditions):
        yield "event", "the rule has no condition, so that every request would be an event; give paths, policies, ..."


def check_threshold(threshold: Threshold) -> _Checks:
    """Yield wrong keys, each with a message."""
    if threshold.count > _LARGEST_COUNT:
        yield "count", f"above {_LARGEST_COUNT}; as many times are kept in memory"


def _unknown(key: str, names: Iterable[str], known: Iterable[str], what: str) -> _Checks:
    known = tuple(known)
    for name in names:
        if name not in known:
            yield key, f"{name} is not {what}; {known_here(name, known)}"
