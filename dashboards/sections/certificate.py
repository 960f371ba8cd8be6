"""The certificates of listeners: how long they are still valid, and what the alerts say of that."""

from typing import Final

from dashboards import style
from dashboards.queries import by_node, select
from vault_exporter.alert_rules.parameters import parameters
from vault_exporter.metrics import catalogue as c

__all__ = ["EXPIRES_NOW", "EXPIRES_SOON", "GOOD", "STATES", "seconds_left", "state"]

EXPIRES_NOW: Final = 0
EXPIRES_SOON: Final = 1
GOOD: Final = 2
STATES: Final = (("expires now", style.BAD), ("expires soon", style.WARN), ("good", style.GOOD))
"""Name and colour of a certificate's state, by its number."""


def seconds_left() -> str:
    """Return how long the certificate of each node is still valid, in seconds."""
    return f"({by_node(select(c.LISTENER_NOT_AFTER), 'min')} - time())"


def state() -> str:
    """Return the state of each node's certificate, as VaultCertificateExpiring and VaultCertificateExpiresNow see it.

    They compare the time that is left, and the part of the certificate's life, so that one that lives for a day is good
    when it is new.
    """
    soon, now = _expires("warning"), _expires("critical")
    return f"({GOOD} - {soon} - {now})"


def _expires(urgency: str) -> str:
    """Return 1 for each node where the alert of this urgency fires, and 0 for the others."""
    known = parameters()
    seconds, part = (known[f"certificate_{urgency}_{name}"].value for name in ("seconds", "ratio"))
    life = f"{by_node(f'{select(c.LISTENER_NOT_AFTER)} - {select(c.LISTENER_NOT_BEFORE)}', 'min')}"
    return f"({seconds_left()} < bool {seconds}) * ({seconds_left()} <= bool {part} * {life})"
