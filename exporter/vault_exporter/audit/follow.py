"""The lines of a log file that is written, rotated and truncated while it is read.

How a file is told apart: by device and inode, against the open file. While it is open the inode cannot be reused, so
a file that was deleted and made again is never mistaken for the old one. The bytes before the read position are
compared on every read: a file truncated in place shows even when it has grown past that position again.

How no line is lost on rotation: the renamed file is read on, since Vault writes to it until it gets SIGHUP, however
long that takes. Vault reopens under the lock that its writes hold, so once there is something in the newer file
nothing comes into the older one. Only then, read to its end and quiet for a while on top, it is closed. Where the log
was rotated several times between two looks at it, the files in between are found beside it: those named after the
log that were not there before.

Everything here is bytes and file descriptors; waiting, decoding and counting are elsewhere.
"""

import collections
import contextlib
import io
import itertools
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from vault_exporter.audit.checkpoint import LogMark
from vault_exporter.audit.decode import Reject
from vault_exporter.audit.files import MARKER_BYTES, Identity, LogFile, identity_of
from vault_exporter.files import open_at_once, require_regular

__all__ = ["CHUNK_BYTES", "CHUNK_LINES", "LINGER_SECONDS", "Follower", "is_rotated"]

CHUNK_BYTES: Final = 256 << 10
"""How much is read in one step: some hundred lines, about a millisecond to decode and count."""

CHUNK_LINES: Final = 1024
"""How many lines are handed out in one step: refusing what is no entry costs by the line, not by the byte."""

LINGER_SECONDS: Final = 10.0
"""How long a rotated file must be quiet, with its successor in use, before it is closed."""

_CLOCK_STEP: Final = 100_000_000
"""Nanoseconds by which a file's time may be behind the clock: file systems round it, to a few milliseconds mostly."""

_ROTATED: Final = r"[.-][0-9][0-9TZ:._-]*"
"""What log rotation adds to a name: a number, a date, a time."""


class Follower:
    """One log, by its path, with all the files it consists of at the moment.

    Each call of :meth:`poll` does one bounded step and returns the complete lines it found. What it keeps in memory
    is one chunk and one line of at most ``max_line_bytes``.

    Attributes:
        trouble: why the log at its path cannot be read, or None while it can.
        read_bytes: bytes of the complete, skipped and rejected lines so far.
        rotations: times that another file came in the place of the log.
        truncations: times that a file was truncated in place.
        rejected: lines that cannot be handed out, by reason (too_long, incomplete).
        skipped_bytes: bytes of those lines.
        lost_bytes: bytes that were seen to be there and were gone before they were read; there may have been more.
        gaps: times that the file to go on with was gone when the reader started.
    """

    def __init__(
        self,
        path: Path,
        *,
        from_start: bool,
        max_line_bytes: int,
        resume: LogMark | None = None,
        chunk_bytes: int = CHUNK_BYTES,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], int] = time.time_ns,
        opener: Callable[[Path], int] | None = None,
    ) -> None:
        """Open what there is now; nothing is handed out yet.

        Args:
            path: the log; it need not exist.
            from_start: read what it already holds, too.
            max_line_bytes: longer lines are skipped.
            resume: where an earlier reader left off; comes before ``from_start``.
            chunk_bytes: how much to read in one step.
            clock: seconds that never go back.
            now: nanoseconds since the epoch, to compare with the times of files.
            opener: opens the log for reading, :func:`.files.open_at_once` by default.
        """
        self.path = path
        self.trouble: OSError | None = None
        self.read_bytes = 0
        self.rotations = 0
        self.truncations = 0
        self.rejected: Counter[Reject] = Counter()
        self.skipped_bytes = 0
        self.lost_bytes = 0
        self.gaps = 0
        self._max_line_bytes = max_line_bytes
        self._chunk_bytes = min(chunk_bytes, max_line_bytes)
        self._clock = clock
        self._now = now
        self._looked = now() if resume is None else resume.looked
        self._open = opener or open_at_once
        self._files: collections.deque[LogFile] = collections.deque()
        self._started = False
        self._siblings = self._look_around()
        # What is there now and is not to be read: a file as far as it goes, or one of which nothing is known yet.
        self._old: tuple[Identity, int] | None = None
        self._old_unknown = False
        if resume is not None:
            self._resume(resume)
        elif not from_start:
            try:
                status = path.stat()
                self._old = (identity_of(status), status.st_size)
            except OSError as error:
                self._old_unknown = not isinstance(error, FileNotFoundError)
        self._watch_path(now())

    @property
    def lag_bytes(self) -> int:
        """Bytes that are in the open files and not yet handed out."""
        return sum(file.lag_bytes() for file in self._files)

    def mark(self) -> LogMark:
        """Where the reader is, for a later one to go on from."""
        return LogMark(self._looked, tuple(file.mark() for file in self._files))

    def next_line(self) -> bytes:
        """The beginning of the oldest line that was not handed out; empty if there is none."""
        for file in self._files:
            if file.partial:
                return bytes(file.partial[:MARKER_BYTES])
            with contextlib.suppress(OSError):
                if found := file.pread(MARKER_BYTES, file.position):
                    return found
        return b""

    def poll(self) -> list[bytes] | None:
        """Do one step: look for a new file at the path, and read one chunk of the oldest file that has one.

        Returns:
            the complete lines, with their newlines (none where the chunk is all one line), or None if nothing is new.
        """
        now = self._now()
        self._watch_path(now)
        for position, file in enumerate(self._files):
            # Asked before the file is read: what came into it until the newer one was in use is read here.
            superseded = any(self._files[newer].size() for newer in range(position + 1, len(self._files)))
            lines = None
            try:
                lines = self._read(file)
            except OSError as error:
                self.trouble = error
            if lines is not None:
                file.quiet_since = None
                return lines
            # Without a look at what came, a place would not tell the closed file from one that came.
            if superseded and self._looked == now and self._has_been_quiet(file):
                self._close(file)
                return []
        return None

    def close(self) -> None:
        """Close all files. A part of a line at the end is left for the next reader, so it is not rejected."""
        while self._files:
            self._files.pop().close()

    def _watch_path(self, now: int) -> None:
        self.trouble = None
        try:
            status = self.path.stat()
            if not self._follows(identity_of(status)):
                require_regular(status)
                self._take_up(LogFile(self._open(self.path)))
            self._looked = now  # only now: while there is no file at the path, rotated ones may have come unseen
        except FileNotFoundError as error:
            # Between a rename and Vault's reopening there is no file at the path; the old one is read on.
            self.trouble = None if self._files else error
            self._old, self._old_unknown = None, False
        except OSError as error:
            self.trouble = error

    def _follows(self, identity: Identity) -> bool:
        return any(file.identity == identity for file in self._files)

    def _take_up(self, fresh: LogFile) -> None:
        """Follow a file newly found at the path, and those that were there and gone since the last look."""
        if self._follows(fresh.identity):  # put back between the look and the opening
            fresh.close()
            return
        missed = self._missed(fresh)
        try:
            for file in (*missed, fresh):
                self._skip_old(file)
        except OSError:
            for file in (*missed, fresh):
                file.close()
            raise
        self.rotations += len(missed) + self._started
        self._started = True
        self._files.extend((*missed, fresh))
        self._siblings = self._look_around()

    def _skip_old(self, file: LogFile) -> None:
        """Place the reader behind what the log held when the exporter started, if this is that file."""
        if self._old_unknown:
            self._old_unknown = False
            self._skip_to(file, file.size())
        elif self._old is not None and self._old[0] == file.identity:
            size, self._old = self._old[1], None
            if file.size() >= size:
                self._skip_to(file, size)

    def _skip_to(self, file: LogFile, end: int) -> None:
        """Move to the start of the line that is being written at ``end``, so that it counts when it is complete."""
        at = end
        while at > 0 and end - at < self._max_line_bytes:
            size = min(at, MARKER_BYTES)
            chunk = file.pread(size, at - size)
            newline = chunk.rfind(b"\n")
            if newline >= 0:
                file.seek(at - size + newline + 1)
                return
            at -= size
        if at > 0:
            file.skipping = True
            file.seek(end)

    def _read(self, file: LogFile) -> list[bytes] | None:
        """Read one chunk: its complete lines, or None if there is none."""
        marker = file.marker
        chunk = file.pread(len(marker) + self._chunk_bytes, file.position - len(marker))
        if not chunk.startswith(marker):
            self._restart(file)
            return []
        if len(chunk) == len(marker):
            return None
        unfinished = len(file.partial)
        buffer = io.BytesIO(chunk)
        buffer.seek(len(marker))
        lines = list(itertools.islice(buffer, CHUNK_LINES))
        more = buffer.tell() < len(chunk) or len(chunk) - len(marker) == self._chunk_bytes
        chunk = chunk[: buffer.tell()]  # further lines are for the next step
        if file.position == len(file.beginning) < MARKER_BYTES:
            file.beginning += chunk[len(marker) :][: MARKER_BYTES - file.position]
        file.position += len(chunk) - len(marker)
        if more:
            file.size()  # there is more: how much, should it be gone when it is to be read
        file.marker = chunk[-MARKER_BYTES:]
        if file.partial or file.skipping:
            self._complete_first(file, lines)
        if lines and not lines[-1].endswith(b"\n"):
            file.partial += lines.pop()
            if len(file.partial) > self._max_line_bytes:
                self._reject(file, Reject.TOO_LONG)
                file.skipping = True
        self.read_bytes += unfinished + len(chunk) - len(marker) - len(file.partial)
        return lines

    def _complete_first(self, file: LogFile, lines: list[bytes]) -> None:
        """Join what the last chunks left of a line to its end, if that is here now."""
        if file.skipping:
            skipped = lines.pop(0)
            self.skipped_bytes += len(skipped)
            file.skipping = not skipped.endswith(b"\n")
        elif lines[0].endswith(b"\n"):
            if len(file.partial) + len(lines[0]) - 1 > self._max_line_bytes:
                self.skipped_bytes += len(lines.pop(0))
                self._reject(file, Reject.TOO_LONG)
            else:
                lines[0] = bytes(file.partial + lines[0])
                file.partial.clear()

    def _restart(self, file: LogFile) -> None:
        """Begin again in a file that was truncated in place.

        What was not read of it is in the copy that was made just before, if one was made. What was written between
        the copying and the truncating is lost, and nobody knows how much that was.
        """
        self.truncations += 1
        until = file.seen
        copy = self._find_copy(file)
        if copy is None:
            self._reject_partial(file)
            self.lost_bytes += max(0, until - file.position)
        else:
            copy.go_on_from(file)
            file.partial.clear()
            self.lost_bytes += max(0, until - copy.size())
            self._files.insert(self._files.index(file), copy)
        file.skipping = False
        file.seek(0)
        self._siblings = self._look_around()  # the copy made just before is no rotated file

    def _find_copy(self, truncated: LogFile) -> LogFile | None:
        """Find the file that holds what was read of a truncated one, and more."""
        marker, start = truncated.marker, truncated.position - len(truncated.marker)
        if not marker:
            return None
        found = None
        for file in self._open_siblings():
            is_copy = found is None and not self._follows(file.identity) and file.size() > truncated.position
            if is_copy and file.pread(len(marker), start) == marker:
                found = file
            else:
                file.close()
        return found

    def _resume(self, mark: LogMark) -> None:
        """Go on where an earlier reader left off: in the files it had, and in those that came since."""
        found = list(self._open_siblings())
        now: LogFile | None = None
        with contextlib.suppress(OSError):
            require_regular(self.path.stat())
            now = LogFile(self._open(self.path))
            found.append(now)
        read: list[LogFile] = []
        for place in mark.files:
            same = [file for file in found if file not in read and file.holds(place)]
            same.sort(key=lambda file: file.identity != (place.device, place.inode))
            if same:
                read.append(same[0].resume(place))
            elif place.position > 0:
                self.gaps += 1
        heads = {file.identity: file.beginning for file in read}
        fresh = [
            file
            for file in found
            if file not in read
            and file is not now
            and file.modified() > mark.looked - _CLOCK_STEP
            and not _is_known(file, heads)
        ]
        read += sorted(fresh, key=LogFile.modified)
        if now is not None:  # the newest, also where it is the oldest, truncated after it was copied
            read = [*(file for file in read if file is not now), now]
        for file in found:
            if file not in read:
                file.close()
        self._files.extend(read)
        self._started = bool(mark.files or read)

    def _has_been_quiet(self, file: LogFile) -> bool:
        now = self._clock()
        if file.quiet_since is None:
            file.quiet_since = now
        return now - file.quiet_since >= LINGER_SECONDS

    def _close(self, file: LogFile) -> None:
        self._reject_partial(file)
        self._files.remove(file)
        file.close()

    def _reject_partial(self, file: LogFile) -> None:
        if file.partial:
            self.read_bytes += len(file.partial)
            self._reject(file, Reject.INCOMPLETE)

    def _reject(self, file: LogFile, reason: Reject) -> None:
        self.rejected[reason] += 1
        self.skipped_bytes += len(file.partial)
        file.partial.clear()

    def _missed(self, fresh: LogFile) -> list[LogFile]:
        """Open the files that were the log, and were rotated away, since the last look; the oldest first."""
        known = self._siblings | {file.identity: file.beginning or file.head() for file in (fresh, *self._files)}
        missed: list[LogFile] = []
        for file in self._open_siblings():
            if self._follows(file.identity) or _is_known(file, known):
                file.close()
            else:
                missed.append(file)
        return sorted(missed, key=LogFile.modified)

    def _look_around(self) -> dict[Identity, bytes]:
        """Remember the rotated files that are there, so that those which come can be told from them."""
        heads: dict[Identity, bytes] = {}
        for file in self._open_siblings():
            heads[file.identity] = file.head()
            file.close()
        return heads

    def _open_siblings(self) -> Iterator[LogFile]:
        for path in _sibling_paths(self.path):
            with contextlib.suppress(OSError):  # gone again, or not ours to read
                yield LogFile(self._open(path))


def _is_known(file: LogFile, known: Mapping[Identity, bytes]) -> bool:
    """Whether this is one of the known files, perhaps grown, or renamed, or a copy of one.

    An inode alone says nothing: that of a deleted file is soon used for another.
    """
    head = file.head()
    if file.identity in known and head.startswith(known[file.identity]):
        return True
    return bool(head) and any(_begin_alike(head, other) for other in known.values())


def _begin_alike(head: bytes, other: bytes) -> bool:
    """Whether two files have the same first line, as far as it is there."""
    first, end, _ = head.partition(b"\n")
    other_first, other_end, _ = other.partition(b"\n")
    if end and other_end:
        return first == other_first
    shorter, longer = sorted((first, other_first), key=len)
    return bool(shorter) and longer.startswith(shorter)


def _sibling_paths(path: Path) -> list[Path]:
    """The files named as log rotation does: ``audit.log.1``, ``audit.log-20261124``; no compressed ones, no notes."""
    named = re.compile(re.escape(path.name) + _ROTATED)
    try:
        with os.scandir(path.parent) as entries:
            return [path.parent / entry.name for entry in entries if named.fullmatch(entry.name) and entry.is_file()]
    except OSError:
        return []


def is_rotated(path: Path) -> bool:
    """Whether the name is that of another file with what rotation adds to it, and that file is there."""
    match = re.fullmatch(rf"(.+?){_ROTATED}", path.name)
    return match is not None and path.with_name(match[1]).exists()
