"""Counters that Vault does not have before their first event: shown as 0 until then.

Without this ``increase()`` misses the first event, and a panel of a node that never lost leadership says "no data". A
counter is in this list if

- Vault never gives it a label: with labels, nobody knows which series there will be;
- the code that counts it runs in every node that has a family named beside it, so that 0 is what Vault has counted
  since it started, or since it dropped the series after ``prometheus_retention_time`` without an event. For
  ``increase()`` and ``rate()`` the two are the same, as they are for a series that is held (see :mod:`.continuity`).

A node that lacks the family beside it (a filter in Vault, another storage) gets none.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from vault_exporter.scrape.telemetry.naming import PREFIX
from vault_exporter.scrape.telemetry.page import Head, openmetrics_claims

__all__ = ["BORN_LATE", "Birth", "not_born"]


class Birth(NamedTuple):
    """A counter or summary that begins with its first event; names without their prefix."""

    name: bytes
    kind: bytes
    beside: bytes
    """What names of families begin with that a node has which would count it."""

    def publish(self, prefix: bytes) -> tuple[Head, bytes]:
        """Return the head and the samples of the family, with this prefix."""
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
    """Yield what a node has not counted yet.

    Args:
        here: the families that the node has, by their usual names, those included that are held.
        taken: names that other families claim.
    """
    for birth in BORN_LATE:
        name, beside = PREFIX + birth.name, PREFIX + birth.beside
        counts = any(family.startswith(beside) for family in here)
        if counts and name not in here and taken.isdisjoint(openmetrics_claims(name, birth.kind)):
            yield birth
