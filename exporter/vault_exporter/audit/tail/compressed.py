"""Whether the files of a log that were compressed while nobody read it hold more than was read before."""

import gzip
import os
import zlib
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.checkpoint import FilePosition, digest
from vault_exporter.audit.tail.rotation import compressed_paths
from vault_exporter.util.fs import modified, open_regular

__all__ = ["may_lack_something"]

_LENGTH_BYTES: Final = 4
"""At the end of a gzip file: how long its content is, modulo 2^32 (RFC 1952)."""
_EMPTY: Final = FilePosition(0, 0, 0, 0, digest(b""), 0, digest(b""))
"""Of what was compressed without anything in it, all was read."""


def may_lack_something(
    path: Path, places: Iterable[FilePosition], gone: Collection[FilePosition], read: Iterable[FilePosition], since: int
) -> bool:
    """Tell whether a log may have had something that was not read and cannot be read any more.

    Nothing is unpacked but the beginning of a file that is as long as one that was read.

    Args:
        path: the log.
        places: how far its files were read.
        gone: those of them that are not there any more.
        read: how far further files were read, which may be its own, too.
        since: what was written to later is new, in nanoseconds since the epoch.
    """
    places = tuple(places)
    # Of a file of which nothing was read only the inode is known, which may have become another's.
    unsure = [place for place in places if not place.ended and (place in gone or not place.position)]
    if not unsure:
        return False
    found = compressed_paths(path)
    known = (_EMPTY, *places, *read)
    # Compressing keeps the time of the last write.
    if any(modified(one) > since and not _is_as_read(one, known) for one in found):
        return True
    return any(place.position > 0 and not any(_is_as_read(one, (place,)) for one in found) for place in unsure)


def _is_as_read(path: Path, places: Iterable[FilePosition]) -> bool:
    try:
        with open_regular(path) as file:
            file.seek(-_LENGTH_BYTES, os.SEEK_END)
            length = int.from_bytes(file.read(), "little")
            alike = [place for place in places if place.position % (1 << 8 * _LENGTH_BYTES) == length]
            if not alike:
                return False
            file.seek(0)
            with gzip.GzipFile(fileobj=file) as content:
                head = content.read(max(place.head_bytes for place in alike))
    except (OSError, EOFError, zlib.error):  # compressed by another program, damaged, or not ours to read
        return False
    return any(digest(head[: place.head_bytes]) == place.head for place in alike)
