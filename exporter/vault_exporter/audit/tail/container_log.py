"""One log as a container runtime stores it, over all its files."""

import io
import itertools
from collections.abc import Iterator
from typing import Final

from vault_exporter.audit.lines.container import Origin, Unwrapper
from vault_exporter.audit.lines.splitter import LineCounts, LineSplitter
from vault_exporter.audit.tail.checkpoint import UnfinishedLine
from vault_exporter.audit.tail.open_file import CHUNK_BYTES, OpenFile
from vault_exporter.config.schema.model import AuditFormat

__all__ = ["ContainerLog"]

_LONGEST_BACK: Final = 64 << 20
"""Limit of bytes to read again after a restart to find the parts of a line."""
_LOOK_BACK_BYTES: Final = 1 << 20
"""Bytes in which to look for the first part of a line that is being written when reading begins at its end."""
_MOST_LOOKED_AT: Final = 64
"""Lines before that position by which the format is detected."""


class ContainerLog:
    """Unwraps the lines of a log's files. The parts of a line may lie in a rotated file and in the next one."""

    def __init__(self, counts: LineCounts, format_: AuditFormat) -> None:
        self._unwrapper = Unwrapper(counts, format_)
        self._counts = counts

    @property
    def mixed(self) -> bool:
        """Whether the server's own log lines may be among the entries."""
        return self._unwrapper.mixed

    @property
    def unfinished_bytes(self) -> int:
        """Bytes of lines whose last part did not come yet."""
        return sum(len(one.line.data) for one in self._unwrapper.unfinished.values())

    def unwrap(self, file: OpenFile, lines: list[bytes]) -> list[bytes]:
        """Return the container's lines that end in these lines, which were just read from a file."""
        if not lines or not self._unwrapper.detect(lines):
            return lines
        sizes = list(map(len, lines))
        starts = itertools.accumulate(sizes[:-1], initial=file.lines_end - sum(sizes))
        origins = [Origin(file, start) for start in starts]
        return [line for line, _ in self._unwrapper.unwrap(lines, origins)]

    def unfinished_in(self, file: OpenFile) -> tuple[UnfinishedLine, ...]:
        """Return the lines with parts in a file that have not ended, for the checkpoint."""
        return file.unfinished or tuple(
            UnfinishedLine(stream, origin.position, skipping=one.line.skipping)
            for stream, one in self._unwrapper.unfinished.items()
            for origin in one.origins
            if origin.file is file and file.lines_end - origin.position <= _LONGEST_BACK
        )

    def look_back(self, file: OpenFile) -> None:
        """Find the lines that begin before the position and end after it. They count when they are complete.

        Raises:
            OSError: the file cannot be read.
        """
        start = max(0, file.position - _LOOK_BACK_BYTES)
        lines = io.BytesIO(file.pread(file.position - start, start)).readlines()
        if start:
            start += len(lines.pop(0))  # the end of a line
        if not self._unwrapper.detect(lines[-_MOST_LOOKED_AT:]):
            return
        first, begun, ended = start, dict[str, int](), set[str]()
        for line in lines:
            if (part := self._unwrapper.parse(line)) is not None:
                if part.ends:
                    begun.pop(part.stream, None)
                    ended.add(part.stream)
                else:
                    begun.setdefault(part.stream, start)
            start += len(line)
        file.unfinished = tuple(
            UnfinishedLine(stream, place, skipping=first > 0 and stream not in ended)  # longer than was looked at
            for stream, place in begun.items()
        )

    def restore(self, file: OpenFile) -> None:
        """Read again the parts of unfinished lines, where an earlier reader left some in a file.

        Raises:
            OSError: the file cannot be read.
        """
        unfinished, file.unfinished = file.unfinished, ()
        for one in unfinished:
            origin = Origin(file, one.position)
            if one.skipping:
                self._unwrapper.skip(one.stream, origin)
                continue
            for lines in _lines(file, one.position, self._counts.max_line_bytes):
                if self._unwrapper.detect(lines):
                    self._unwrapper.restore(one.stream, lines, origin)

    def moved(self, file: OpenFile, copy: OpenFile) -> None:
        """Record that the content of a file is now in its copy."""
        for one in self._unwrapper.unfinished.values():
            one.origins = [origin._replace(file=copy) if origin.file is file else origin for origin in one.origins]

    def give_up(self, file: OpenFile | None = None) -> None:
        """Reject the lines that have not ended: those that begin in a file, or all."""
        given_up = [
            stream
            for stream, one in self._unwrapper.unfinished.items()
            if file is None or any(origin.file is file for origin in one.origins)
        ]
        self._unwrapper.give_up(*given_up)


def _lines(file: OpenFile, start: int, max_line_bytes: int) -> Iterator[list[bytes]]:
    """Yield the lines of a file from a place up to where it was read."""
    splitter, position = LineSplitter(LineCounts(max_line_bytes)), start
    while data := file.pread(min(CHUNK_BYTES, file.position - position), position):
        position += len(data)
        yield splitter.split(data)[0]
