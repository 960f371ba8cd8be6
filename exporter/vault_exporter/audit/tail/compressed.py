"""Find out whether log files that were compressed while the exporter was down have unread entries."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

from vault_exporter.audit.lines.compression import DAMAGED, decompressed, is_of_length
from vault_exporter.audit.tail.checkpoint import FilePosition, digest
from vault_exporter.audit.tail.directories import Directories
from vault_exporter.audit.tail.rotation import compressed_paths
from vault_exporter.util.fs import modified, open_regular

__all__ = ["may_lack_something"]

_EMPTY: Final = FilePosition(0, 0, 0, 0, digest(b""), 0, digest(b""))
"""An empty compressed file has no unread entries."""


def may_lack_something(
    path: Path,
    places: Iterable[FilePosition],
    gone: Collection[FilePosition],
    read: Iterable[FilePosition],
    since: int,
    directories: Directories,
) -> bool:
    """Return whether a log may have had entries that were not read and are lost.

    Of a file in gzip or xz only the beginning is unpacked, and only if it is as long as one that was read.

    Args:
        path: the log.
        places: how far its files were read.
        gone: those of them that are not there any more.
        read: how far further files were read, which may be its own, too.
        since: what was written to later is new, in nanoseconds since the epoch.
        directories: listings that are known.
    """
    places = tuple(places)
    # Of a file of which nothing was read only the inode is known, which may have become another's.
    unsure = [place for place in places if not place.ended and (place in gone or not place.position)]
    if not unsure:
        return False
    found = compressed_paths(path, directories)
    known = (_EMPTY, *places, *read)
    # Compressing keeps the time of the last write.
    if any(modified(one) > since and not _is_as_read(one, known) for one in found):
        return True
    return any(place.position > 0 and not any(_is_as_read(one, (place,)) for one in found) for place in unsure)


def _is_as_read(path: Path, places: Iterable[FilePosition]) -> bool:
    """Return whether a compressed file has exactly the content that was read from one of these files."""
    try:
        with open_regular(path) as file:
            for place in places:
                file.seek(0)
                if is_of_length(file, place.position):
                    file.seek(0)
                    if digest(decompressed(file).read(place.fingerprint_bytes)) == place.fingerprint:
                        return True
    except (OSError, *DAMAGED):  # of an unknown format, damaged, or not readable
        return False
    return False
