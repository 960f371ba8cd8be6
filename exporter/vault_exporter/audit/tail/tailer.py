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

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.checkpoint import LogCheckpoint
from vault_exporter.audit.tail.container_log import ContainerLog
from vault_exporter.audit.tail.open_file import (
    MARKER_BYTES,
    Identity,
    LogFile,
    Old,
    TruncatedError,
    begin_alike,
    identity_of,
)
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.config.schema.model import AuditFormat
from vault_exporter.util.fs import require_regular

__all__ = ["LINGER_SECONDS", "Tailer"]

LINGER_SECONDS: Final = 10.0
"""How long a rotated file must be quiet, with its successor in use, before it is closed."""

TORN_SECONDS: Final = 60.0
"""The same where a container's line begins in the file and did not end yet."""


class Tailer:
    """One log, by its path, with all the files it consists of at the moment.

    Each call of :meth:`poll` does one bounded step and returns the complete lines it found.

    Attributes:
        counts: what was read, of all that ``known`` knows.
        trouble: why the log at its path cannot be read, or None while it can.
    """

    def __init__(
        self,
        path: Path,
        known: FileRegistry,
        *,
        from_start: bool = True,
        files: Iterable[LogFile] = (),
        looked: int | None = None,
        old: Old | None = None,
        format_: AuditFormat = AuditFormat.AUTO,
    ) -> None:
        """Open what there is now; nothing is handed out yet.

        Args:
            path: the log; it need not exist.
            known: what is known of its files, shared by the followers of one pattern.
            from_start: read what it already holds, too.
            files: those to go on with, as :func:`.resume.resume` found them.
            looked: when they were found, in nanoseconds since the epoch.
            old: what is not to be read of the file at the path; without ``from_start``, all that it holds now.
            format_: how entries lie in the files.
        """
        self.path = path
        self._container = ContainerLog(known.counts, format_)
        self.trouble: OSError | None = None
        self.counts = known.counts
        self._known = known
        self._files = list(files)
        self._started = bool(self._files)
        self._looked = known.now() if looked is None else looked
        self._siblings = self._look_around()
        self._at: Identity | None = None
        self._old = old
        self._old_unknown = False  # something is there that is not to be read, and nothing is known of it yet
        if not from_start and old is None:
            try:
                status = path.stat()
                self._old = (identity_of(status), status.st_size)
            except OSError as error:
                self._old_unknown = not isinstance(error, FileNotFoundError)
        self._watch_path(known.now())

    @property
    def lag_bytes(self) -> int:
        """Bytes that are in the open files and not yet handed out."""
        return sum(file.lag_bytes() for file in self._files) + self._container.unfinished_bytes

    @property
    def mixed(self) -> bool:
        """Whether the server's own log lines may be among the entries."""
        return self._container.mixed

    def mark(self) -> LogCheckpoint:
        """Where the reader is, for a later one to go on from."""
        marks, in_use = [], False
        for file in reversed(self._files):
            # The newer one was asked first: what came into this one until that was in use is seen here.
            ended = in_use and file.size() == file.position and not file.partial
            in_use = in_use or file.size() > 0
            marks.append(file.mark(ended=ended, unfinished=self._container.unfinished_in(file)))
        return LogCheckpoint(self._looked, tuple(reversed(marks)))

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
        now = self._known.now()
        self._watch_path(now)
        for position, file in enumerate(self._files):
            # Asked before the file is read: what came into it until the newer one was in use is read here.
            superseded = any(self._files[newer].size() for newer in range(position + 1, len(self._files)))
            lines = None
            try:
                # What came before may have been copied, and truncated, unseen.
                if file.position == 0 and file.was_touched() and self._look_for_copies(file):
                    return []
                self._container.restore(file)
                lines = file.read()
            except TruncatedError:
                self._restart(file)
                lines = []
            except OSError as error:
                self.trouble = error
            if lines is not None:
                file.quiet_since = None
                return self._container.unwrap(file, lines)
            # Without a look at what came, a place would not tell the closed file from one that came.
            if superseded and self._looked == now and self._has_been_quiet(file):
                self._close(file)
                return []
        return None

    def close(self) -> None:
        """Close all files. A part of a line at the end is left for the next reader, so it is not rejected."""
        while self._files:
            self._known.release(self._files.pop())

    def finish(self) -> None:
        """Close all files for good: a part of a line at the end will have no end."""
        while self._files:
            self._close(self._files[0])
        self._container.give_up()

    def _watch_path(self, now: int) -> None:
        self.trouble = None
        try:
            status = self.path.stat()
            identity = identity_of(status)
            if not self._known.has(identity):
                require_regular(status)
                self._take_up(self._known.open(self.path))
            elif identity != self._at or identity in self._known.renewed:
                # A file that is known is there again: others may have been there meanwhile, or copies of it made.
                self._known.renewed.discard(identity)
                self._take_up_missed()
            self._at = identity
            self._looked = now  # only now: while there is no file at the path, rotated ones may have come unseen
        except FileNotFoundError as error:
            self._at = None
            # Between a rename and Vault's reopening there is no file at the path; the old one is read on.
            self.trouble = None if self._files else error
            self._old, self._old_unknown = None, False
        except OSError as error:
            self.trouble = error

    def _take_up(self, fresh: LogFile) -> None:
        """Follow a file newly found at the path, and those that were there and gone since the last look."""
        if self._known.follows(fresh.identity):  # put back between the look and the opening
            fresh.close()
            return
        with contextlib.ExitStack() as opened:
            opened.callback(fresh.close)
            if self._known.place(fresh):
                self._add(*self._missed(opened, fresh), fresh)
                opened.pop_all()
                return
        if fresh.identity != self._at:  # a copy, and the log may have been others before
            self._take_up_missed()

    def _take_up_missed(self, before: LogFile | None = None) -> bool:
        with contextlib.ExitStack() as opened:
            missed = self._missed(opened)
            if missed:
                self._add(*missed, before=before)
                opened.pop_all()
            return bool(missed)

    def _add(self, *files: LogFile, before: LogFile | None = None) -> None:
        for file in files:
            self._skip_old(file)
        self._known.follow(*files)
        self.counts.rotations += len(files) - (not self._started)
        self._started = True
        place = len(self._files) if before is None else self._files.index(before)
        self._files = [*self._files[:place], *files, *self._files[place:]]
        self._siblings = self._look_around()

    def _skip_old(self, file: LogFile) -> None:
        """Place the reader behind what the log held when the exporter started, if this is that file."""
        if self._old_unknown:
            self._old_unknown = False
            file.skip_to(file.size())
        elif self._old is not None and self._old[0] == file.identity:
            size, self._old = self._old[1], None
            if file.size() >= size:
                file.skip_to(size)

    def _restart(self, file: LogFile) -> None:
        """Begin again in a file that was truncated in place.

        What was not read of it is in the copy that was made just before, if one was made. What was written between
        the copying and the truncating is lost, and nobody knows how much that was.
        """
        self.counts.truncations += 1
        until = file.seen
        copy = self._find_copy(file)
        if copy is None:
            self._known.remember(file)  # its copy is not to be taken for a new log
            file.reject_partial()
            self._container.give_up(file)
            self.counts.lost_bytes += max(0, until - file.position)
        else:
            copy.go_on_from(file)
            self._container.moved(file, copy)
            self.counts.lost_bytes += max(0, until - copy.size())
            self._known.follow(copy)
            self._files.insert(self._files.index(file), copy)
        file.seek(0)
        self._look_for_copies(file)  # it may have been copied and truncated several times
        self._siblings = self._look_around()  # the copies are no rotated files

    def _look_for_copies(self, file: LogFile) -> bool:
        self._known.renewed.add(file.identity)  # its copies may be beside another log, which has its path
        return self._take_up_missed(before=file)

    def _find_copy(self, truncated: LogFile) -> LogFile | None:
        """Find the file that holds what was read of a truncated one, and most of what was not."""
        content, start = truncated.last_known()
        if not content:
            return None
        found: LogFile | None = None
        for file in self._known.open_copies(self.path):
            longer = file.size() > (truncated.position if found is None else found.seen)
            if longer and not self._known.follows(file.identity) and file.has(content, start):
                if found is not None:
                    found.close()
                found = file
            else:
                file.close()
        return found

    def _has_been_quiet(self, file: LogFile) -> bool:
        now = self._known.clock()
        if file.quiet_since is None:
            file.quiet_since = now
        # A container's line may end in the next file; while it does not, a checkpoint must be able to name its parts.
        linger = TORN_SECONDS if self._container.unfinished_in(file) else LINGER_SECONDS
        return now - file.quiet_since >= linger

    def _close(self, file: LogFile) -> None:
        self._files.remove(file)
        self._known.release(file)
        file.reject_partial()
        self._container.give_up(file)

    def _missed(self, opened: contextlib.ExitStack, *fresh: LogFile) -> list[LogFile]:
        """Open the files that were the log, and were rotated away, since the last look; the oldest first."""
        heads = self._siblings | {file.identity: file.beginning or file.head() for file in (*fresh, *self._files)}
        missed: list[LogFile] = []
        for file in self._known.open_around(self.path):
            if self._known.follows(file.identity) or _is_known(file, heads):
                file.close()
            else:
                opened.callback(file.close)
                missed.append(file)
        # The largest first: of a file and its copy, that has more.
        for file in sorted(missed, key=LogFile.size, reverse=True):
            if _is_known(file, heads) or not self._known.place(file) or 0 < file.position == file.size():
                missed.remove(file)
                file.close()
            else:
                heads[file.identity] = file.head()
        return sorted(missed, key=LogFile.modified)

    def _look_around(self) -> dict[Identity, bytes]:
        """Remember the rotated files that are there, so that those which come can be told from them."""
        heads: dict[Identity, bytes] = {}
        for file in self._known.open_around(self.path):
            if not self._known.has(file.identity):  # a copy may be needed yet, should the other file be truncated
                heads[file.identity] = file.head()
            file.close()
        return heads


def _is_known(file: LogFile, known: Mapping[Identity, bytes]) -> bool:
    """Whether this is one of the known files, perhaps grown, or renamed, or a copy of one.

    An inode alone says nothing: that of a deleted file is soon used for another.
    """
    head = file.head()
    if file.identity in known and head.startswith(known[file.identity]):
        return True
    return any(begin_alike(head, other) for other in known.values())
