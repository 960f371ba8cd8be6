"""Which requests the reports look at."""

import re
from datetime import datetime
from typing import Final, Self

import msgspec

from vault_exporter.audit.reports.use import DENIED, Use

__all__ = ["Filters", "Moments", "PathPattern", "moment"]

_DAY: Final = re.compile(r"\A\d{4}-\d{2}-\d{2}\Z")


class PathPattern:
    """A path as in a policy of Vault: ``+`` is any one segment, a trailing ``*`` any rest."""

    def __init__(self, pattern: str) -> None:
        """Read a pattern.

        Raises:
            ValueError: there is a ``*`` before its end.
        """
        if "*" in pattern[:-1]:
            raise ValueError(f"{pattern!r}: * can only be the last character; + is any one segment")
        self.pattern = pattern.removeprefix("/")
        body, rest = (self.pattern[:-1], ".*") if self.pattern.endswith("*") else (self.pattern, "")
        segments = ("[^/]+" if one == "+" else re.escape(one) for one in body.split("/"))
        self._fits = re.compile(rf"{'/'.join(segments)}{rest}", re.DOTALL).fullmatch

    @property
    def has_wildcards(self) -> bool:
        """Whether several paths may fit."""
        return self.pattern.endswith("*") or "+" in self.pattern.split("/")

    def fits(self, path: str) -> bool:
        """Whether a path, with its namespace before it, fits."""
        return self._fits(path) is not None

    def __reduce__(self) -> tuple[type[Self], tuple[str]]:
        """Return what is pickled."""
        return type(self), (self.pattern,)


class Moments(msgspec.Struct, frozen=True):
    """From a time until before another, as Unix times in seconds."""

    since: float
    until: float


def moment(text: str) -> float:
    """Return the Unix time of a day (its start, in UTC) or of an RFC 3339 time; without a zone it is UTC.

    Raises:
        ValueError: it is neither.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; give one as 2026-11-24 or 2026-11-24T12:30:00Z") from None
    if found.tzinfo is None:
        found = datetime.fromisoformat(f"{text}T00:00:00Z" if _DAY.match(text) else f"{text}Z")
    return found.timestamp()


class Filters(msgspec.Struct, frozen=True):
    """All that are given must fit. An empty one fits everything."""

    since: float | None = None
    until: float | None = None
    paths: tuple[PathPattern, ...] = ()
    """One of them must fit; the same for the others."""
    clients: frozenset[str] = frozenset()
    """Client ids, accessors, hashed tokens or display names."""
    entities: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    """Without slashes around them; ``root`` is the root namespace."""
    mounts: frozenset[str] = frozenset()
    """With or without their namespace, without slashes around them."""
    operations: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    """Classes of errors; ``any``, ``none`` and ``denied`` too."""

    def __bool__(self) -> bool:
        return self != Filters()

    def fit_time(self, time: float) -> bool:
        """Whether the filters of the time fit."""
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)

    def fit(self, use: Use) -> bool:  # noqa: PLR0911 - one for each filter
        """Whether all filters but those of the time fit."""
        if self.paths and not any(pattern.fits(use.path) for pattern in self.paths):
            return False
        if self.clients and self.clients.isdisjoint((use.client, use.accessor, use.token, use.name)):
            return False
        if self.entities and use.entity not in self.entities:
            return False
        if self.namespaces and (use.namespace.strip("/") or "root") not in self.namespaces:
            return False
        if self.mounts and self.mounts.isdisjoint((use.mount.strip("/"), use.full_mount.strip("/"))):
            return False
        if self.operations and use.operation not in self.operations:
            return False
        if self.addresses and use.address not in self.addresses:
            return False
        return not self.errors or self._has_error(use.error)

    def _has_error(self, error: str) -> bool:
        if not error:
            return "none" in self.errors
        return error in self.errors or "any" in self.errors or ("denied" in self.errors and error in DENIED)
