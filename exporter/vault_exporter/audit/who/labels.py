"""What the operator listed, as labels: requests by template of path, and by display name of client."""

from collections.abc import Iterable, Iterator
from typing import Final, Self

from vault_exporter import catalogue as c
from vault_exporter.audit.decode import Detail, Entry
from vault_exporter.audit.tally import OPERATIONS, OTHER
from vault_exporter.audit.who.paths import Match, PathTemplates
from vault_exporter.metrics import Sample

__all__ = ["ClientObserver", "PathObserver"]

_UNKNOWN: Final = ""


class PathObserver:
    """Counts requests whose path fits a template, and those of them that failed."""

    def __init__(self, templates: Iterable[str], max_values: int) -> None:
        self._names = tuple(templates)
        self._templates = PathTemplates(self._names, max_values)
        self._requests: dict[tuple[Match, str], int] = {}
        self._errors: dict[Match, int] = {}
        self._overflow = dict.fromkeys(self._names, 0)

    def observe(self, entry: Detail) -> None:
        """Count a request."""
        request = entry.request
        if entry.type != "request" or request is None:
            return
        match = self._templates.match(request.path)
        if match is None:
            return
        key = (match, request.operation)
        try:
            self._requests[key] += 1
        except KeyError:
            key = (match, request.operation if request.operation in OPERATIONS else OTHER)
            self._requests[key] = self._requests.get(key, 0) + 1
            self._errors.setdefault(match, 0)
        if match.path == PathTemplates.OTHER:
            self._overflow[match.template] += 1

    def failed(self, entry: Entry) -> None:
        """Count a failed request, told by its response or by itself."""
        match = self._templates.match(entry.request.path) if entry.request is not None else None
        if match is not None:
            self._errors[match] = self._errors.get(match, 0) + 1

    def samples(self) -> Iterator[Sample]:
        """Yield the counts."""
        for (match, operation), count in self._requests.items():
            yield c.AUDIT_PATH_REQUESTS(count, match.template, match.path, operation)
        for match, count in self._errors.items():
            yield c.AUDIT_PATH_ERRORS(count, match.template, match.path)
        for template, count in self._overflow.items():
            yield c.AUDIT_PATH_OVERFLOW(count, template)

    def merge(self, other: Self) -> None:
        """Add what another process counted."""
        for (match, operation), count in other._requests.items():
            known = self._templates.fold(match)
            self._requests[known, operation] = self._requests.get((known, operation), 0) + count
            if known != match:
                self._overflow[match.template] += count
        for match, count in other._errors.items():
            known = self._templates.fold(match)
            self._errors[known] = self._errors.get(known, 0) + count
        for template, count in other._overflow.items():
            self._overflow[template] += count


class ClientObserver:
    """Counts requests of clients that are listed by their display name, and all others together."""

    def __init__(self, names: Iterable[str]) -> None:
        self._requests = {**dict.fromkeys(names, 0), OTHER: 0}

    def observe(self, entry: Detail) -> None:
        """Count a request."""
        if entry.type == "request":
            auth = entry.auth
            name = auth.display_name if auth is not None else _UNKNOWN
            self._requests[name if name in self._requests else OTHER] += 1

    def failed(self, entry: Entry) -> None:
        """Nothing is kept of failures."""

    def samples(self) -> Iterator[Sample]:
        """Yield the counts."""
        for name, count in self._requests.items():
            yield c.AUDIT_CLIENT_REQUESTS(count, name)

    def merge(self, other: Self) -> None:
        """Add what another process counted."""
        for name, count in other._requests.items():
            self._requests[name] += count
