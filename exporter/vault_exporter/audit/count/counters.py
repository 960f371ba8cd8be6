"""Counting entries, in plain dictionaries of bounded size.

Entries of one type, operation, mount and namespace share a :class:`Cell`, found by one lookup; the published families
are sums over cells, made when they are asked for.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import msgspec

from vault_exporter.audit.count.latency import Durations, operation_class
from vault_exporter.audit.events.rules import PathRules
from vault_exporter.audit.parse.errors import ErrorClass
from vault_exporter.audit.status import MountStatus
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample

__all__ = ["MOST_CELLS", "OPERATIONS", "OTHER", "Cell", "CellKey", "EntryCounters", "Key", "Limits", "Mount"]

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

_MOUNT_CLASSES: Final = frozenset({"", "secret", "auth"})
MOST_CELLS: Final = 50_000
"""Beyond as many combinations of operation, mount and namespace, mounts are counted as other, too."""

Key = tuple[str, ...]
"""Mount point, operation, mount type, and the namespace unless it is the root, as an entry states them."""
_OF_ROOT: Final = 3
"""The length of a key without a namespace."""
_TYPES: Final = frozenset({"request", "response"})


class Limits(msgspec.Struct, frozen=True):
    """How many values a label may have before further ones are counted as ``other``."""

    mounts: int = 200
    mount_types: int = 50
    types: int = 8
    """Types of entries beside request and response."""
    namespaces: int = 100


class Mount:
    """What is counted of one mount: its labels, and how its requests ended."""

    __slots__ = ("errors", "labels", "leases", "login_failures", "logins")

    def __init__(self, mount_type: str, point: str) -> None:
        self.labels = (mount_type, point)
        self.errors = dict.fromkeys(ErrorClass, 0)
        self.logins = 0
        self.login_failures = 0
        self.leases = 0

    def merge(self, other: "Mount") -> None:
        """Add what another process counted."""
        for kind, count in other.errors.items():
            self.errors[kind] += count
        self.logins += other.logins
        self.login_failures += other.login_failures
        self.leases += other.leases


class CellKey(NamedTuple):
    """Labels within their bounds."""

    type: str
    operation: str
    mount_type: str
    mount_point: str
    mount_class: str
    namespace: str
    is_guessed: bool
    """The mount is guessed from the path."""


class Cell:
    """What is counted of entries with the same labels; the pipeline writes it.

    Attributes:
        notable: every entry is inspected, not only those with an error, a token or a lease.
        path_rules: the rules for each path; bounded by the pipeline.
        answered: of a request's cell, where its responses are counted, once that is known.
        policies: of a response's cell, the policies of the last entry, and ``matched_rules`` the rules that match them.
    """

    __slots__ = (
        "answered",
        "bytes",
        "durations",
        "entries",
        "failures",
        "key",
        "matched_rules",
        "mount",
        "mount_class",
        "notable",
        "path_rules",
        "policies",
    )

    def __init__(self, key: CellKey, mount: Mount, durations: Durations) -> None:
        self.key = key
        self.mount = mount
        self.mount_class = key.mount_class
        self.durations = durations
        self.notable = False
        self.entries = 0
        self.bytes = 0
        self.failures = 0
        self.path_rules: dict[str, PathRules] = {}
        self.answered: Cell | None = None
        self.policies = msgspec.Raw()
        self.matched_rules: frozenset[int] = frozenset()

    def merge(self, other: "Cell") -> None:
        """Add what another process counted; what mounts and durations hold is merged by itself."""
        self.entries += other.entries
        self.bytes += other.bytes
        self.failures += other.failures


class EntryCounters:
    """Counts entries, their bytes, failed requests, and durations.

    Mounts get series in the order in which they first appear; later ones are counted as ``other``, so sums stay right.
    Requests that reach no mount (an unknown path, a rate limit) have empty mount labels and do not count against the
    bound. Every error class of a mount has a series from the mount's first entry on, so that ``increase()`` sees the
    first error.
    """

    def __init__(self, limits: Limits, is_notable: Callable[[CellKey], bool]) -> None:
        """Start at 0.

        Args:
            limits: the bounds.
            is_notable: tells which cells need every entry inspected.
        """
        self._is_notable = is_notable
        self._limits = limits
        self._folded: dict[CellKey, Cell] = {}
        self._mounts: dict[tuple[str, str], Mount] = {}
        self._namespaces = {""}
        self._durations: dict[tuple[str, str], Durations] = {}
        self._mount_types: set[str] = set()
        self._overflow = Counter(dict.fromkeys(("operation", "mount", "namespace", "type"), 0))
        self._types: set[str] = set(_TYPES)
        self._mount("", "")

    def cell(self, type_: str, key: Key, mount_class: str, known: dict[Key, Cell], *, is_guessed: bool = False) -> Cell:
        """Find where entries with this key and class are counted, and count what is beyond a bound.

        Args:
            type_: of the entry.
            key: what the entry states.
            mount_class: as the entry states it.
            known: gets the cell by its key, unless a part of the key is beyond its bound.
            is_guessed: the mount is guessed from the path.
        """
        point, operation, mount_type, namespace = key if len(key) > _OF_ROOT else (*key, "")
        within = CellKey(
            self._type(type_),
            operation if operation in OPERATIONS else self._beyond("operation"),
            *self._mount(mount_type, point).labels,
            mount_class if mount_class in _MOUNT_CLASSES else OTHER,
            self._namespace(namespace),
            is_guessed,
        )
        cell = self._folded.get(within)
        if cell is None:
            cell = self._new(within)
        if cell.key == (type_, operation, mount_type, point, mount_class, namespace, is_guessed):
            known[key] = cell
        return cell

    def durations(self, mount_type: str, operation: str) -> Durations:
        """Return where the durations of such requests are counted."""
        return self._measured(mount_type, operation_class(operation))

    def busiest(self, number: int) -> tuple[MountStatus, ...]:
        """Return the mounts with the most requests, the busiest first."""
        requests: Counter[tuple[str, str]] = Counter()
        for key, cell in self._folded.items():
            if key.type == "request":
                requests[key.mount_type, key.mount_point] += cell.entries
        return tuple(MountStatus(*labels, count) for labels, count in requests.most_common(number) if count)

    def merge(self, other: "EntryCounters") -> None:
        """Add what another process counted, within the bounds of this one."""
        for theirs in other._folded.values():  # noqa: SLF001 - of our own class
            mount = self._mount(*theirs.key[2:4], theirs.entries)
            key = theirs.key._replace(
                type=self._type(theirs.key.type, theirs.entries),
                mount_type=mount.labels[0],
                mount_point=mount.labels[1],
                namespace=self._namespace(theirs.key.namespace, theirs.entries),
            )
            (self._folded.get(key) or self._new(key, theirs.entries)).merge(theirs)
        for labels, mount in other._mounts.items():  # noqa: SLF001 - of our own class
            self._mount(*labels, 0).merge(mount)
        for (mount_type, class_), durations in other._durations.items():  # noqa: SLF001 - of our own class
            self._measured(mount_type, class_).merge(durations)
        self._overflow.update(other._overflow)  # noqa: SLF001 - of our own class

    def samples(self) -> Iterator[Sample]:
        """Yield every count."""
        entries: Counter[tuple[str, ...]] = Counter()
        sizes: Counter[tuple[str, ...]] = Counter()
        namespaces: Counter[tuple[str, ...]] = Counter()
        failures: Counter[tuple[str, ...]] = Counter()
        guessed: Counter[tuple[str, ...]] = Counter()
        for (kind, operation, mount_type, point, class_, namespace, is_guessed), cell in self._folded.items():
            if is_guessed:
                guessed[mount_type, point] += cell.entries
            entries[kind, operation, mount_type, point] += cell.entries
            sizes[kind, mount_type, point] += cell.bytes
            namespaces[kind, class_, namespace] += cell.entries
            failures[operation, class_, namespace] += cell.failures
        for family, counts in (
            (c.AUDIT_ENTRIES, entries),
            (c.AUDIT_ENTRY_BYTES, sizes),
            (c.AUDIT_NAMESPACE_ENTRIES, namespaces),
            (c.AUDIT_NAMESPACE_ERRORS, failures),
            (c.AUDIT_GUESSED_MOUNT_ENTRIES, guessed),
        ):
            for labels, count in counts.items():
                yield family(count, *labels)
        yield from self._of_mounts()
        for labels, durations in self._durations.items():
            yield c.AUDIT_DURATION(durations.distribution(), *labels)
        for label, count in self._overflow.items():
            yield c.AUDIT_OVERFLOW(count, label)
        yield c.AUDIT_OVERFLOW(self._beyond_mount_types(), "mount_type")

    def _beyond_mount_types(self) -> int:
        """Count the entries whose durations count for another mount type, since theirs is beyond the bound."""
        within = self._mount_types | {OTHER, ""}
        return sum(cell.entries for key, cell in self._folded.items() if key.mount_type not in within)

    def _of_mounts(self) -> Iterator[Sample]:
        for mount in self._mounts.values():
            for kind, count in mount.errors.items():
                yield c.AUDIT_ERRORS(count, kind.value, *mount.labels)
            if mount.labels[1].startswith("auth/") or mount.logins or mount.login_failures:
                yield c.AUDIT_LOGINS(mount.logins, *mount.labels)
                yield c.AUDIT_LOGIN_FAILURES(mount.login_failures, *mount.labels)
            if not mount.labels[1].startswith("auth/"):
                yield c.AUDIT_LEASES_CREATED(mount.leases, *mount.labels)

    def _new(self, key: CellKey, entries: int = 1) -> Cell:
        if len(self._folded) >= MOST_CELLS and key.mount_point != OTHER:
            self._overflow["mount"] += entries
            folded = key._replace(mount_type=OTHER, mount_point=OTHER)
            return self._folded.get(folded) or self._new(folded)
        mount = self._mount(key.mount_type, key.mount_point)
        cell = Cell(key, mount, self._measured(key.mount_type, operation_class(key.operation)))
        cell.notable = self._is_notable(key)
        self._folded[key] = cell
        return cell

    def _mount(self, mount_type: str, point: str, entries: int = 1) -> Mount:
        """Return the mount within the bound; ``entries`` is the number that count as ``other`` beyond it."""
        known = self._mounts.get((mount_type, point))
        if known is None:
            # No mount and all others are not of the bound, hence the two more.
            if (mount_type, point) != (OTHER, OTHER) and len(self._mounts) >= self._limits.mounts + 1 + (
                (OTHER, OTHER) in self._mounts
            ):
                self._overflow["mount"] += entries
                return self._mount(OTHER, OTHER)
            known = self._mounts[mount_type, point] = Mount(mount_type, point)
        return known

    def _type(self, type_: str, entries: int = 1) -> str:
        if type_ in self._types or type_ == OTHER:
            return type_
        if len(self._types) >= self._limits.types + len(_TYPES):
            return self._beyond("type", entries)
        self._types.add(type_)
        return type_

    def _namespace(self, path: str, entries: int = 1) -> str:
        if path in self._namespaces or path == OTHER:
            return path
        if len(self._namespaces) > self._limits.namespaces:
            return self._beyond("namespace", entries)
        self._namespaces.add(path)
        return path

    def _measured(self, mount_type: str, class_: str) -> Durations:
        if mount_type not in self._mount_types and mount_type not in {OTHER, ""}:
            if len(self._mount_types) >= self._limits.mount_types:
                mount_type = OTHER
            else:
                self._mount_types.add(mount_type)
        return self._durations.setdefault((mount_type, class_), Durations())

    def _beyond(self, label: str, entries: int = 1) -> str:
        self._overflow[label] += entries
        return OTHER
