"""Entries that are not counted, mostly those of a monitor itself. Each is counted as left out."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from vault_exporter.audit.parse.entry import DetailAuth, Identity, SentRequest
from vault_exporter.config.schema import model
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["Excluded"]


class Excluded:
    """Tells which requests to leave out, by who sends them and from where; false if there is nothing to leave out."""

    def __init__(self, settings: model.Exclude) -> None:
        self._entity_ids = frozenset(settings.entity_ids)
        self.display_names = frozenset(settings.display_names)
        self.remote_addresses = frozenset(settings.remote_addresses)
        self.own: AbstractSet[str] = frozenset()
        """Entities that the exporter's own tokens belong to; a login may add one."""
        self._counts = dict.fromkeys(("entity_id", "display_name", "remote_address"), 0)

    def __bool__(self) -> bool:
        return bool(self._entity_ids or self.own or self.display_names or self.remote_addresses)

    def entities(self) -> AbstractSet[str]:
        """Return the entities to leave out."""
        return self._entity_ids | self.own if self.own else self._entity_ids

    def reason(self, auth: Identity | DetailAuth | None, request: SentRequest | None) -> str:
        """Return what tells that an entry is left out, the value of the ``reason`` label; empty if it is not."""
        if auth is not None:
            if auth.entity_id in self.own or auth.entity_id in self._entity_ids:
                return "entity_id"
            if auth.display_name in self.display_names:
                return "display_name"
        if request is not None and request.remote_address in self.remote_addresses:
            return "remote_address"
        return ""

    def count(self, reason: str) -> None:
        """Count an entry that is left out."""
        self._counts[reason] += 1

    def merge(self, other: "Excluded") -> None:
        """Add what another process left out."""
        for reason, count in other._counts.items():  # noqa: SLF001 - of our own class
            self._counts[reason] += count

    def samples(self) -> Iterator[Sample]:
        """Yield how many entries were left out, by reason."""
        for reason, count in self._counts.items():
            yield c.AUDIT_EXCLUDED(count, reason)
