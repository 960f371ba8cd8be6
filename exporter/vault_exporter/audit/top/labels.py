"""Count requests by configured path templates and clients."""

from collections.abc import Iterable, Iterator
from typing import ClassVar, Final, Self

from vault_exporter.audit.count.counters import OPERATIONS, OTHER
from vault_exporter.audit.count.observer import Observed
from vault_exporter.audit.parse.entry import Entry, RequestEntry, Sent
from vault_exporter.audit.top.paths import Match, PathTemplates
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["ClientObserver", "PathObserver"]

_UNKNOWN: Final = ""
_MOST_REMEMBERED: Final = 16_384


class _Cell:
    """A counter that several keys share."""

    __slots__ = ("requests",)

    def __init__(self) -> None:
        self.requests = 0


class PathObserver:
    """Counts requests and failed requests whose path matches a template."""

    observed: ClassVar[Observed] = Observed.REQUESTS
    needs_sender: ClassVar[bool] = False

    def __init__(self, templates: Iterable[str], max_values: int) -> None:
        self._names = tuple(templates)
        self._templates = PathTemplates(self._names, max_values)
        self._cells: dict[tuple[Match, str], _Cell] = {}
        self._errors: dict[Match, int] = {}
        # A cache by path and operation, because paths repeat. It is bounded, and cleared when full.
        self._remembered: dict[tuple[str, str], _Cell | None] = {}

    def observe(self, entry: RequestEntry) -> None:
        """Count a request."""
        request = entry.request
        if request is None:
            return
        key = (request.path, request.operation)
        try:
            cell = self._remembered[key]
        except KeyError:
            cell = self._remember(key)
        if cell is not None:
            cell.requests += 1

    def failed(self, entry: Entry) -> None:
        """Count a failed request, from its response entry or its request entry."""
        match = self._templates.match(entry.request.path) if entry.request is not None else None
        if match is not None:
            self._errors[match] = self._errors.get(match, 0) + 1

    def samples(self) -> Iterator[Sample]:
        """Yield the counters."""
        overflow = dict.fromkeys(self._names, 0)
        for (match, operation), cell in self._cells.items():
            yield c.AUDIT_PATH_REQUESTS(cell.requests, match.template, match.path, operation)
            if match.path == PathTemplates.OTHER:
                overflow[match.template] += cell.requests
        for match, count in self._errors.items():
            yield c.AUDIT_PATH_ERRORS(count, match.template, match.path)
        for template, count in overflow.items():
            yield c.AUDIT_PATH_OVERFLOW(count, template)

    def merge(self, other: Self) -> None:
        """Merge the counters of another process."""
        for (match, operation), cell in other._cells.items():
            self._cell(self._templates.fold(match), operation).requests += cell.requests
        for match, count in other._errors.items():
            known = self._templates.fold(match)
            self._errors[known] = self._errors.get(known, 0) + count

    def _remember(self, key: tuple[str, str]) -> _Cell | None:
        path, operation = key
        match = self._templates.match(path)
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        found = None if match is None else self._cell(match, operation if operation in OPERATIONS else OTHER)
        self._remembered[key] = found
        return found

    def _cell(self, match: Match, operation: str) -> _Cell:
        """Return the counter of a label. Also start its error counter at 0, so that increase() sees the first error."""
        self._errors.setdefault(match, 0)
        cell = self._cells.get((match, operation))
        if cell is None:
            cell = self._cells[match, operation] = _Cell()
        return cell


class ClientObserver:
    """Counts requests of each configured client by display name, and of all other clients together."""

    observed: ClassVar[Observed] = Observed.REQUESTS
    needs_sender: ClassVar[bool] = True

    def __init__(self, names: Iterable[str]) -> None:
        self._requests = {**dict.fromkeys(names, 0), OTHER: 0}

    def observe(self, entry: Sent) -> None:
        """Count a request."""
        auth = entry.auth
        name = auth.display_name if auth is not None else _UNKNOWN
        self._requests[name if name in self._requests else OTHER] += 1

    def failed(self, entry: Entry) -> None:
        """Do nothing; errors are not counted by client."""

    def samples(self) -> Iterator[Sample]:
        """Yield the counters."""
        for name, count in self._requests.items():
            yield c.AUDIT_CLIENT_REQUESTS(count, name)

    def merge(self, other: Self) -> None:
        """Merge the counters of another process."""
        for name, count in other._requests.items():
            self._requests[name] += count
