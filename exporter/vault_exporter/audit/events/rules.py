"""Match entries with the rules of events.

Conditions on path and mount have one answer for each path, and conditions on policies one for each list of policies.
Both answers are cached, so only the other conditions are checked for each entry.
"""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from vault_exporter.audit.parse.errors import ErrorClass
from vault_exporter.audit.parse.request_kind import RequestKind
from vault_exporter.config.schema.model import EventRule

__all__ = ["OUTCOMES", "CompiledRule", "PathRules", "check_path", "check_policy", "compiled"]

OUTCOMES: Final = ("success", "failure", "any")
_WHOLE: Final = "*"
_POLICIES: Final = msgspec.json.Decoder(list[str])


class CompiledRule:
    """A rule with its patterns compiled."""

    __slots__ = ("_issued", "_paths", "_policies", "errors", "is_of_issued", "number", "rule", "watches_policies")

    def __init__(self, number: int, rule: EventRule) -> None:
        self.number = number
        self.rule = rule
        self.errors = frozenset(map(ErrorClass, rule.errors))
        self.watches_policies = bool(rule.policies)
        self.is_of_issued = bool(rule.issued_policies) or rule.issued_without_expiry
        self._paths = tuple(map(_path, rule.paths))
        self._policies = tuple(map(_name, rule.policies))
        self._issued = tuple(map(_name, rule.issued_policies))

    def concerns(self, mount_type: str, mount_point: str, operation: str) -> bool:
        """Whether every entry of such a mount must be inspected for this rule.

        Errors, logins and issued tokens are inspected anyway, and policies find their rules themselves.
        """
        rule = self.rule
        if self.watches_policies or self.errors or rule.outcome == "failure" or rule.logins or self.is_of_issued:
            return False
        if (rule.operations and operation not in rule.operations) or (
            rule.mount_types and mount_type not in rule.mount_types
        ):
            return False
        heads = [re.split(r"[+*]", path, maxsplit=1)[0] for path in rule.paths]
        return not heads or any(head.startswith(mount_point) or mount_point.startswith(head) for head in heads)

    def fits(self, kind: RequestKind, mount_type: str, operation: str, path: str) -> bool:
        """Whether the conditions on the path, the operation and the mount hold."""
        rule = self.rule
        if (rule.operations and operation not in rule.operations) or (
            rule.mount_types and mount_type not in rule.mount_types
        ):
            return False
        if rule.logins and kind is not RequestKind.LOGIN:
            return False
        if not self._paths:
            return True
        # A list's path ends in a slash, that of a policy for it need not.
        return any(pattern.fullmatch(path) or pattern.fullmatch(path.removesuffix("/")) for pattern in self._paths)

    def has_policies(self, policies: msgspec.Raw) -> bool:
        """Whether the list has one of the rule's policies."""
        return _has(policies, self._policies)

    def accepts_issued(self, policies: msgspec.Raw, *, expires: bool) -> bool:
        """Whether the conditions on the issued token hold."""
        if self.rule.issued_without_expiry and expires:
            return False
        return not self._issued or _has(policies, self._issued)

    def accepts(self, kind: ErrorClass | None, *, issued: bool) -> bool:
        """Whether the request ended as the rule requires, and issued a token if the rule is about tokens."""
        if self.is_of_issued and not issued:
            return False
        if self.errors:
            return kind in self.errors
        return self.rule.outcome == "any" or (kind is None) == (self.rule.outcome == "success")


class PathRules:
    """The rules for the entries of one path.

    Attributes:
        request_kind: what requests to the path do.
        watching: the rules that apply to some policies only.
    """

    __slots__ = ("_ended", "_others", "request_kind", "watching")

    def __init__(self, request_kind: RequestKind, rules: Iterable[CompiledRule]) -> None:
        self.request_kind = request_kind
        rules = tuple(rules)
        self.watching = tuple(rule for rule in rules if rule.watches_policies)
        self._others = tuple(rule for rule in rules if not rule.watches_policies)
        self._ended: dict[tuple[ErrorClass | None, bool], tuple[CompiledRule, ...]] = {}

    def ended(self, kind: ErrorClass | None, *, issued: bool) -> tuple[CompiledRule, ...]:
        """Return the rules that apply to all policies and match how a request ended, and whether it issued a token."""
        known = self._ended.get((kind, issued))
        if known is None:
            known = tuple(rule for rule in self._others if rule.accepts(kind, issued=issued))
            self._ended[kind, issued] = known
        return known


def compiled(rules: Iterable[EventRule]) -> tuple[CompiledRule, ...]:
    """Compile rules, which the configuration has checked."""
    return tuple(CompiledRule(number, rule) for number, rule in enumerate(rules))


def check_path(pattern: str) -> str:
    """Return what is wrong with a rule's path; empty if nothing is."""
    if pattern.startswith("/"):
        return "starts with a slash; paths in the audit log do not"
    if _WHOLE in pattern[:-1]:
        return "has * before its end; use + for one segment"
    if any("+" in segment and segment != "+" for segment in pattern.split("/")):
        return "has + within a segment; it stands for a whole one"
    return ""


def check_policy(pattern: str) -> str:
    """Return what is wrong with a policy's name in a rule; empty if nothing is."""
    return "has * before its end" if _WHOLE in pattern[:-1] else ""


def _path(pattern: str) -> re.Pattern[str]:
    rest = ".*" if pattern.endswith(_WHOLE) else ""
    segments = pattern.removesuffix(_WHOLE).split("/")
    return re.compile("/".join("[^/]+" if part == "+" else re.escape(part) for part in segments) + rest, re.DOTALL)


def _name(pattern: str) -> re.Pattern[str]:
    rest = ".*" if pattern.endswith(_WHOLE) else ""
    return re.compile(re.escape(pattern.removesuffix(_WHOLE)) + rest, re.DOTALL)


def _has(policies: msgspec.Raw, patterns: tuple[re.Pattern[str], ...]) -> bool:
    try:
        names = _POLICIES.decode(policies)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return False
    return any(pattern.fullmatch(name) for name in names for pattern in patterns)
