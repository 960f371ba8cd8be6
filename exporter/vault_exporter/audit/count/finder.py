"""Where each entry is counted: by the mount that it states, or by the one that its path suggests."""

from typing import Final

from vault_exporter.audit.count.counters import Cell, EntryCounters, Key
from vault_exporter.audit.count.exclude import Excluded
from vault_exporter.audit.count.sources import Cells, LogStream
from vault_exporter.audit.parse.decode import Details
from vault_exporter.audit.parse.entry import DetailRequest, OtherEntry, Request, ResponseEntry
from vault_exporter.audit.parse.request_kind import guess_mount

__all__ = ["NO_REQUEST", "CellFinder"]

NO_REQUEST: Final = DetailRequest()
"""The request of an entry that does not have one."""

_MOST_PATHS: Final = 4096
"""Paths without a stated mount whose cells are remembered, for each log."""
_LONGEST: Final = 256
"""Characters of a label's value; one that is cut is found anew for each entry."""


class CellFinder:
    """Finds cells for the entries whose cell the pipeline does not know yet."""

    def __init__(self, counters: EntryCounters, excluded: Excluded, details: Details) -> None:
        self._counters = counters
        self._excluded = excluded
        self._details = details

    def request(self, request: Request, source: LogStream) -> Cell:
        """Find where a request is counted, and remember it for the next one that states the same."""
        stated = _key(request)
        key, cells, is_guessed = self._cells(request, stated, source)
        cell = cells.requests.get(key)
        if cell is None or cell.mount_class != request.mount_class:
            cell = self._counters.cell("request", key, request.mount_class, cells.requests, is_guessed=is_guessed)
        if is_guessed and len(request.path) <= _LONGEST:
            if len(source.by_path) >= _MOST_PATHS:
                source.by_path.clear()
            source.by_path[(request.path, *stated[1:])] = cell
        return cell

    def response(self, entry: ResponseEntry, line: bytes, source: LogStream) -> Cell | None:
        """Find where a response is counted by what it says itself, and remember it for the next of such a request.

        Returns:
            None if the entry is left out; then it is counted as that.
        """
        id_ = "" if entry.request is None else entry.request.id
        if reason := source.excluded.pop(id_, ""):
            self._excluded.count(reason)
            return None
        unsigned = source.unsigned.pop(id_, None)
        if unsigned is not None and (entry.auth is None or not entry.auth.client_token):
            return unsigned  # the response does not say who sent the request either
        full = self._details.of(entry, line)
        request = NO_REQUEST if full is None or full.request is None else full.request
        if self._excluded and full is not None and (reason := self._excluded.reason(full.auth, request)):
            self._excluded.count(reason)
            return None
        key, cells, is_guessed = self._cells(request, _key(request), source, exists=_succeeded(entry))
        cell = cells.responses.get(key)
        if cell is None or cell.mount_class != request.mount_class:
            cell = self._counters.cell("response", key, request.mount_class, cells.responses, is_guessed=is_guessed)
        of_requests = cells.requests.get(key)
        if of_requests is not None and of_requests.mount_class == request.mount_class and key in cells.responses:
            of_requests.answered = cell
        return cell

    def other(self, entry: OtherEntry) -> Cell | None:
        """Find where an entry is counted that is neither a request nor a response; None if it is left out."""
        request = entry.request or NO_REQUEST
        if self._excluded and (reason := self._excluded.reason(entry.auth, request)):
            self._excluded.count(reason)
            return None
        return self._counters.cell(entry.type, _key(request), request.mount_class, {})

    def _cells(self, request: Request, key: Key, source: LogStream, *, exists: bool = False) -> tuple[Key, Cells, bool]:
        """Return the key of an entry, where entries of its kind are counted, and whether its mount is guessed.

        Args:
            request: as the entry states it.
            key: the same, within bounds.
            source: the log.
            exists: the request succeeded, so its mount exists.
        """
        if request.mount_point or not request.path:
            source.states_mounts |= bool(request.mount_point)
            return key, source.stated, False
        mount = guess_mount(request.path)
        if request.mount_type or source.admits(mount.point, exists=exists):
            return (mount.point, key[1], request.mount_type or mount.type, *key[3:]), source.guessed, True
        return key, source.unmounted, False


def _key(request: Request) -> Key:
    key: Key = (request.mount_point[:_LONGEST], request.operation[:_LONGEST], request.mount_type[:_LONGEST])
    if request.namespace is not None and request.namespace.path:
        return (*key, request.namespace.path)
    return key


def _succeeded(entry: ResponseEntry) -> bool:
    """Whether a response has no sign of an error; a secret with the key ``error`` counts as one."""
    data = None if entry.response is None else entry.response.data
    return not entry.error and (data is None or data.error is None)
