"""Counting entries, in plain dictionaries of bounded size."""

from collections.abc import Iterator
from typing import Final

from vault_exporter import catalogue as c
from vault_exporter.audit.decode import Entry, ErrorClass, Request, error_class
from vault_exporter.metrics import Sample

__all__ = ["MAX_LABEL_LENGTH", "OPERATIONS", "OTHER", "Tally"]

OPERATIONS: Final = frozenset(
    {
        "",  # the entry does not say
        "create",
        "read",
        "update",
        "patch",
        "delete",
        "list",
        "scan",
        "help",
        "header",
        "alias-lookahead",
        "resolve-role",
        "revoke",
        "renew",
        "rollback",
        "recover",
    }
)
"""The operations of Vault's and OpenBao's ``sdk/logical/request.go``; any other is counted as ``other``."""

OTHER: Final = "other"
"""What is beyond a bound. No mount has this name: theirs end in a slash."""

MAX_LABEL_LENGTH: Final = 256
"""Characters of a mount's type or point that are kept."""

_Mount = tuple[str, str]
_NO_MOUNT: Final[_Mount] = ("", "")
_NO_REQUEST: Final = Request()


class Tally:
    """How many entries there were, and how many requests failed.

    Mounts get series of their own in the order in which they first appear, ``max_mounts`` of them; later ones are
    counted as ``other``, so sums stay right. Requests that reach no mount (an unknown path, a rate limit) have empty
    mount labels and do not count against the bound. Every error class of a known mount is there from the mount's
    first entry on, so that ``increase()`` sees the first error.
    """

    def __init__(self, max_mounts: int) -> None:
        self._max_mounts = max_mounts
        self._entries: dict[tuple[str, str, str, str], int] = {}
        self._errors: dict[tuple[ErrorClass, str, str], int] = {}
        self._mounts: dict[_Mount, _Mount] = {}
        self._know(_NO_MOUNT)

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        request = entry.request or _NO_REQUEST
        key = (entry.type, request.operation, request.mount_type, request.mount_point)
        try:
            self._entries[key] += 1
        except KeyError:
            self._add_folded(entry.type, request)
        # Most entries are no error, and this tells them at once.
        if entry.error or entry.response is not None:
            kind = error_class(entry)
            if kind is not None:
                self._errors[kind, *self._mount(request)] += 1

    def samples(self) -> Iterator[Sample]:
        """Yield every count."""
        for labels, count in self._entries.items():
            yield c.AUDIT_ENTRIES(count, *labels)
        for (kind, mount_type, mount_point), count in self._errors.items():
            yield c.AUDIT_ERRORS(count, kind.value, mount_type, mount_point)

    def _add_folded(self, kind: str, request: Request) -> None:
        operation = request.operation if request.operation in OPERATIONS else OTHER
        key = (kind, operation, *self._mount(request))
        self._entries[key] = self._entries.get(key, 0) + 1

    def _mount(self, request: Request) -> _Mount:
        """The labels for a request's mount, within the bound."""
        mount = (request.mount_type[:MAX_LABEL_LENGTH], request.mount_point[:MAX_LABEL_LENGTH])
        known = self._mounts.get(mount)
        if known is not None:
            return known
        # No mount is not one of the bound, hence the one more.
        return self._know(mount if len(self._mounts) <= self._max_mounts else (OTHER, OTHER))

    def _know(self, mount: _Mount) -> _Mount:
        known = self._mounts.get(mount)
        if known is None:
            known = self._mounts[mount] = mount
            for kind in ErrorClass:
                self._errors[kind, *mount] = 0
        return known
