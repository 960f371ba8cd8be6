"""Entries that are left out: those of a monitor itself, mostly. None goes without being counted as left out."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet

from vault_exporter.audit.parse.decode import detail
from vault_exporter.config.schema import model
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["Excluded"]


class Excluded:
    """Tells entries to leave out by who asked and from where; false if there is nothing to leave out."""

    def __init__(self, settings: model.Exclude) -> None:
        self._entity_ids = frozenset(settings.entity_ids)
        self._display_names = frozenset(settings.display_names)
        self._remote_addresses = frozenset(settings.remote_addresses)
        self.own: AbstractSet[str] = frozenset()
        """Entities that the exporter itself is, as its logins go; they may become more."""
        self._counts = dict.fromkeys(("entity_id", "display_name", "remote_address"), 0)

    def __bool__(self) -> bool:
        return bool(self._entity_ids or self.own or self._display_names or self._remote_addresses)

    def matches(self, line: bytes) -> bool:
        """Whether this entry is left out; it is counted if so."""
        entry = detail(line)
        if entry is None:
            return False
        auth, request = entry.auth, entry.request
        if auth is not None and (auth.entity_id in self._entity_ids or auth.entity_id in self.own):
            reason = "entity_id"
        elif auth is not None and auth.display_name in self._display_names:
            reason = "display_name"
        elif request is not None and request.remote_address in self._remote_addresses:
            reason = "remote_address"
        else:
            return False
        self._counts[reason] += 1
        return True

    def merge(self, other: "Excluded") -> None:
        """Add what another process left out."""
        for reason, count in other._counts.items():  # noqa: SLF001 - of our own class
            self._counts[reason] += count

    def samples(self) -> Iterator[Sample]:
        """Yield how many were left out, for each reason."""
        for reason, count in self._counts.items():
            yield c.AUDIT_EXCLUDED(count, reason)
