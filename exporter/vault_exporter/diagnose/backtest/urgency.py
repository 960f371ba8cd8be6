"""Whom an alert wakes, by the pack's routes for Alertmanager."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from vault_exporter.alert_rules.alertmanager import subtree
from vault_exporter.alert_rules.parameters import SEVERITIES

__all__ = ["HEARTBEAT", "Urgency"]

HEARTBEAT: Final = "heartbeat"
_KINDS: Final = {"critical": "page", "warning": "ticket"}
_MATCHER: Final = re.compile(r"(\w+) *(=~|!~|!=|=) *\"(.*)\"")


class Urgency:
    """The pack's routes, with the names that the user gave the severities."""

    def __init__(self, overrides: Mapping[str, str]) -> None:
        """Read the routes.

        Raises:
            vault_exporter.assets.ResourceError: the file is missing from this installation.
        """
        self._names = {overrides.get(name, own): own for name, own in SEVERITIES.items()}
        (self._route,) = subtree()["route"]["routes"]

    def kind(self, labels: Mapping[str, str]) -> str:
        """Return ``page``, ``ticket``, ``nobody`` or ``heartbeat``."""
        if self.receiver(labels) == "vault-heartbeat":
            return HEARTBEAT
        severity = labels.get("severity", "")
        severity = self._names.get(severity, severity)
        return "page" if severity == "page" else _KINDS.get(severity, "nobody")

    def receiver(self, labels: Mapping[str, str]) -> str:
        """Return the receiver in the pack's own routes; empty for an alert that they do not take."""
        severity = labels.get("severity", "")
        labels = {**labels, "severity": self._names.get(severity, severity)}
        return _routed(self._route, labels)


def _routed(route: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    if not _matches(route["matchers"], labels):
        return ""
    below = (_routed(child, labels) for child in route.get("routes", ()))
    return next((one for one in below if one), str(route["receiver"]))


def _matches(matchers: Iterable[str], labels: Mapping[str, str]) -> bool:
    for text in matchers:
        found = _MATCHER.fullmatch(text)
        if found is None:
            return False
        value = labels.get(found[1], "")
        same = re.fullmatch(found[3], value) is not None if "~" in found[2] else value == found[3]
        if same is found[2].startswith("!"):
            return False
    return True
