"""The table of collectors: each asks one area of one node and turns the answer into samples."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, NamedTuple

from vault_exporter.collectors import health, leader, seal
from vault_exporter.metrics import Sample
from vault_exporter.reasons import Reason
from vault_exporter.vault.client import Client

__all__ = ["COLLECTORS", "Collector"]


def _nothing(_: Reason) -> Iterable[Sample]:
    return ()


class Collector(NamedTuple):
    """One row of the table.

    ``collect`` raises :class:`~vault_exporter.vault.client.VaultError` when it fails. Then its samples are those of
    ``floor``: the ones that a rule compares and that are therefore always present.
    """

    name: str
    help: str
    collect: Callable[[Client], Awaitable[Iterable[Sample]]]
    floor: Callable[[Reason], Iterable[Sample]] = _nothing


COLLECTORS: Final = (
    Collector("health", "state of the node, its version and replication", health.collect, health.floor),
    Collector("seal", "seal and storage type, unseal progress", seal.collect),
    Collector("leader", "high availability and leadership", leader.collect),
)
"""Every collector. Where two make the same sample, the later one is believed."""
