"""Publish counters as 0 that Vault does not create before their first event.

Without the 0, ``increase()`` misses the first event, and a panel of a node that never lost leadership shows "no data".
A counter is in the list if

- Vault never gives it a label, because with labels the future series are unknown;
- the code that counts it runs on every node that has the indicator family in ``beside``, so 0 is the true count
  since the start, or since Vault dropped the series after ``prometheus_retention_time`` without an event. For
  ``increase()`` and ``rate()`` both are the same, as for a held series (see :mod:`.continuity`).

A node without the indicator family (a filter in Vault, another storage) does not get the counter.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from vault_exporter.scrape.telemetry.naming import PREFIX
from vault_exporter.scrape.telemetry.page import Head, openmetrics_claims

__all__ = ["BORN_LATE", "Birth", "not_born"]


class Birth(NamedTuple):
    """A counter or summary that Vault creates at its first event; names have no prefix."""

    name: bytes
    kind: bytes
    beside: bytes
    """Prefix of family names that indicate that the node counts it."""

    def publish(self, prefix: bytes) -> tuple[Head, bytes]:
        """Return the head and the samples of the family with this prefix."""
        name = prefix + self.name
        lines = b"%b_sum 0\n%b_count 0" % (name, name) if self.kind == b"summary" else b"%b 0" % name
        return Head(name, self.kind, name), lines


BORN_LATE: Final = (
    # Leadership of high availability (vault/ha.go): measured when it happens, in nodes that were active.
    Birth(b"core_leadership_lost", b"summary", b"core_unsealed"),
    Birth(b"core_leadership_setup_failed", b"summary", b"core_unsealed"),
    Birth(b"core_step_down", b"summary", b"core_unsealed"),
    # Requests refused because no audit device worked (vault/audit_broker.go); some versions count only failures.
    Birth(b"audit_log_request_failure", b"counter", b"audit_log_request"),
    Birth(b"audit_log_response_failure", b"counter", b"audit_log_response"),
    # Heartbeats of a standby to the active node that failed (vault/request_forwarding_rpc.go).
    Birth(b"ha_rpc_client_echo_errors", b"counter", b"ha_rpc_client_echo"),
    Birth(b"ha_rpc_client_forward_errors", b"counter", b"ha_rpc_client_forward"),
    # Root tokens (vault/token_store.go).
    Birth(b"token_create_root", b"counter", b"token_"),
)


def not_born(here: AbstractSet[bytes], taken: AbstractSet[bytes]) -> Iterator[Birth]:
    """Yield the counters that a node has not created yet.

    Args:
        here: the families of the node by their usual names, including held ones.
        taken: names that other families claim.
    """
    for birth in BORN_LATE:
        name, beside = PREFIX + birth.name, PREFIX + birth.beside
        counts = any(family.startswith(beside) for family in here)
        if counts and name not in here and taken.isdisjoint(openmetrics_claims(name, birth.kind)):
            yield birth
