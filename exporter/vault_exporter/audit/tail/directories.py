"""Listings of directories, read again only when they changed."""

import bisect
import os
import re
import time
from collections.abc import Iterator
from typing import Final

from vault_exporter.util.fs import Signature, signature_of

__all__ = ["Directories", "Listing"]

_ROUNDED: Final = 100_000_000
"""Nanoseconds within which two changes of a directory may have the same time: file systems round it."""
_LONGEST_TRUSTED: Final = 60.0
"""Seconds after which a listing is read again in any case."""


class Listing:
    """The names in a directory.

    Attributes:
        names: all names, sorted.
        directories: names of directories, and of links to some.
        links: names of links.
        irregular: names of what is no regular file, nor a link to one.
    """

    def __init__(self, path: str) -> None:
        """Read a directory.

        Raises:
            OSError: it cannot be read.
        """
        names, self.directories, self.links, self.irregular = list[str](), set[str](), set[str](), set[str]()
        with os.scandir(path or ".") as entries:
            for entry in entries:
                names.append(entry.name)
                if entry.is_symlink():
                    self.links.add(entry.name)
                if not entry.is_file():
                    self.irregular.add(entry.name)
                    if _is_directory(entry):
                        self.directories.add(entry.name)
        self.names = sorted(names)
        self._matching: dict[re.Pattern[str], dict[str, None]] = {}

    def __contains__(self, name: str) -> bool:
        """Whether there is such a name."""
        place = bisect.bisect_left(self.names, name)
        return place < len(self.names) and self.names[place] == name

    def matching(self, pattern: re.Pattern[str]) -> dict[str, None]:
        """Return the names that match a pattern as a whole."""
        found = self._matching.get(pattern)
        if found is None:
            found = self._matching[pattern] = dict.fromkeys(filter(pattern.fullmatch, self.names))
        return found

    def beginning_with(self, start: str) -> Iterator[str]:
        """Yield the names that begin with this text."""
        for place in range(bisect.bisect_left(self.names, start), len(self.names)):
            if not self.names[place].startswith(start):
                return
            yield self.names[place]


class Directories:
    """Caches listings as long as the modification times of the directories stay the same."""

    def __init__(self) -> None:
        self._listings: dict[str, tuple[Signature, int, float, Listing]] = {}
        self._used: set[str] = set()

    def list(self, path: str) -> Listing:
        """List a directory.

        Raises:
            OSError: it cannot be read.
        """
        status = os.stat(path or ".")  # noqa: PTH116 - of a text; thousands of paths are not made for nothing
        signature = signature_of(status)
        self._used.add(path)
        if (known := self._listings.get(path)) is not None:
            before, listed, since, listing = known
            settled = status.st_mtime_ns < listed - _ROUNDED
            if before == signature and settled and time.monotonic() - since < _LONGEST_TRUSTED:
                return listing
        listed, since = time.time_ns(), time.monotonic()
        listing = Listing(path)
        self._listings[path] = signature, listed, since, listing
        return listing

    def forget_unused(self) -> None:
        """Forget the listings that were not used since the last call."""
        self._listings = {path: known for path, known in self._listings.items() if path in self._used}
        self._used.clear()


def _is_directory(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
