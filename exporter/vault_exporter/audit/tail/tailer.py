"""Read the lines of a log file that is written, rotated and truncated meanwhile.

Files are identified by device and inode. An open file keeps its inode, so a file that was deleted and created again is
never mistaken for the old one. Each read compares the bytes before the position with those that were read, which
detects a truncation even if the file has grown past the position again.

After a rotation, the renamed file is read further, because Vault writes to it until it gets SIGHUP. Vault reopens its
file under the lock that its writes hold: once the newer file has content, nothing is added to the older one. The older
file is closed when it was read to its end, the newer one has content, and nothing was added for a while. If the log was
rotated several times between two looks, the files in between are found by their names.

This module handles bytes and file descriptors. Waiting, decoding and counting are elsewhere.
"""

import contextlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.checkpoint import LogCheckpoint
from vault_exporter.audit.tail.container_log import ContainerLog
from vault_exporter.audit.tail.open_file import (
    TAIL_BYTES,
    Identity,
    Old,
    OpenFile,
    TruncatedError,
    begin_alike,
    identity_of,
)
from vault_exporter.audit.tail.registry import FileRegistry
from vault_exporter.config.schema.model import AuditFormat
from vault_exporter.util.fs import require_regular

__all__ = ["LINGER_SECONDS", "Tailer"]

LINGER_SECONDS: Final = 10.0
"""Seconds for which nothing must have been added to a rotated file before it is closed."""

TORN_SECONDS: Final = 60.0
"""The same for a file in which a line of a container begins that has not ended yet."""


class Tailer:
    """The log at one path, with all the files that it consists of at the moment.

    Each call of :meth:`poll` does one bounded step and returns the complete lines that it found.

    Attributes:
        counts: what was read, from all files in ``registry``.
        read_error: why the log at its path cannot be read, or None while it can.
    """

    def __init__(
        self,
        path: Path,
        registry: FileRegistry,
        *,
        from_start: bool = True,
        files: Iterable[OpenFile] = (),
        looked: int | None = None,
        old: Old | None = None,
        format_: AuditFormat = AuditFormat.AUTO,
    ) -> None:
        """Open the files that exist now; no line is handed out yet.

        Args:
            path: the log; it need not exist.
            registry: the files that are known, shared by the tailers of one pattern.
            from_start: read what it already holds, too.
            files: those to go on with, as :func:`.resume.resume` found them.
            looked: when they were found, in nanoseconds since the epoch.
            old: what is not to be read of the file at the path; without ``from_start``, all that it holds now.
            format_: how entries lie in the files.
        """
        self.path = path
        self._container = ContainerLog(registry.counts, format_)
        self.read_error: OSError | None = None
        self.counts = registry.counts
        self._registry = registry
        self._files = list(files)
        self._started = bool(self._files)
        self._looked = registry.now() if looked is None else looked
        self._siblings = self._look_around()
        self._at: Identity | None = None
        self._old = old
        self._old_unknown = False  # there is a file whose content is not to be read, and it cannot be examined yet
        if not from_start and old is None:
            try:
                status = path.stat()
                self._old = (identity_of(status), status.st_size)
            except OSError as error:
                self._old_unknown = not isinstance(error, FileNotFoundError)
        self._watch_path(registry.now())

    @property
    def lag_bytes(self) -> int:
        """Unread bytes in the open files."""
        return sum(file.lag_bytes() for file in self._files) + self._container.unfinished_bytes

    @property
    def mixed(self) -> bool:
        """Whether the server's own log lines may be among the entries."""
        return self._container.mixed

    def checkpoint(self) -> LogCheckpoint:
        """Return the position, from which a later reader continues."""
        marks, in_use = [], False
        for file in reversed(self._files):
            # The newer file's size was read first, so all that was added to this one until then is seen here.
            ended = in_use and file.size() == file.position and not file.partial
            in_use = in_use or file.size() > 0
            marks.append(file.checkpoint(ended=ended, unfinished=self._container.unfinished_in(file)))
        return LogCheckpoint(self._looked, tuple(reversed(marks)))

    def next_line(self) -> bytes:
        """Return the beginning of the oldest line that was not handed out; empty if there is none."""
        for file in self._files:
            if file.partial:
                return bytes(file.partial[:TAIL_BYTES])
            with contextlib.suppress(OSError):
                if found := file.pread(TAIL_BYTES, file.position):
                    return found
        return b""

    def poll(self) -> list[bytes] | None:
        """Do one step: look for a new file at the path, and read one chunk of the oldest file that has one.

        Returns:
            the complete lines, with their newlines (none where the chunk is all one line), or None if nothing is new.
        """
        now = self._registry.now()
        self._watch_path(now)
        for position, file in enumerate(self._files):
            # Sizes are read before the file: all that was added to it until the newer one was in use is read here.
            superseded = any(self._files[newer].size() for newer in range(position + 1, len(self._files)))
            lines = None
            try:
                # Earlier content may have been copied and truncated unseen.
                if file.position == 0 and file.was_touched() and self._look_for_copies(file):
                    return []
                self._container.restore(file)
                lines = file.read()
            except TruncatedError:
                self._restart(file)
                lines = []
            except OSError as error:
                self.read_error = error
            if lines is not None:
                file.quiet_since = None
                return self._container.unwrap(file, lines)
            # Without a look at new files, a checkpoint could not tell the closed file from a new one.
            if superseded and self._looked == now and self._has_been_quiet(file):
                self._close(file)
                return []
        return None

    def close(self) -> None:
        """Close all files. A partial line at the end is left for the next reader, so it is not rejected."""
        while self._files:
            self._registry.release(self._files.pop())

    def finish(self) -> None:
        """Close all files for good, and reject partial lines."""
        while self._files:
            self._close(self._files[0])
        self._container.give_up()

    def _watch_path(self, now: int) -> None:
        self.read_error = None
        try:
            status = self.path.stat()
            identity = identity_of(status)
            if not self._registry.has(identity):
                require_regular(status)
                self._take_up(self._registry.open(self.path))
            elif identity != self._at or identity in self._registry.renewed:
                # A known file is at the path again: other files may have been there meanwhile, or copies of it made.
                self._registry.renewed.discard(identity)
                self._take_up_missed()
            self._at = identity
            self._looked = now  # only now: while no file is at the path, rotated files may appear unseen
        except FileNotFoundError as error:
            self._at = None
            # Between a rename and Vault's reopening there is no file at the path; the old one is read further.
            self.read_error = None if self._files else error
            self._old, self._old_unknown = None, False
        except OSError as error:
            self.read_error = error

    def _take_up(self, fresh: OpenFile) -> None:
        """Follow a new file at the path, and the files that were at the path between the last look and this one."""
        if self._registry.follows(fresh.identity):  # moved back between the look and the opening
            fresh.close()
            return
        with contextlib.ExitStack() as opened:
            opened.callback(fresh.close)
            if self._registry.place(fresh):
                self._add(*self._missed(opened, fresh), fresh)
                opened.pop_all()
                return
        if fresh.identity != self._at:  # a copy; other files may have been at the path before
            self._take_up_missed()

    def _take_up_missed(self, before: OpenFile | None = None) -> bool:
        with contextlib.ExitStack() as opened:
            missed = self._missed(opened)
            if missed:
                self._add(*missed, before=before)
                opened.pop_all()
            return bool(missed)

    def _add(self, *files: OpenFile, before: OpenFile | None = None) -> None:
        for file in files:
            self._skip_old(file)
        self._registry.follow(*files)
        self.counts.rotations += len(files) - (not self._started)
        self._started = True
        place = len(self._files) if before is None else self._files.index(before)
        self._files = [*self._files[:place], *files, *self._files[place:]]
        self._siblings = self._look_around()

    def _skip_old(self, file: OpenFile) -> None:
        """Move behind the content that the log had when the exporter started, if this is that file."""
        if self._old_unknown:
            self._old_unknown = False
            self._skip(file, file.size())
        elif self._old is not None and self._old[0] == file.identity:
            size, self._old = self._old[1], None
            if file.size() >= size:
                self._skip(file, size)

    def _skip(self, file: OpenFile, end: int) -> None:
        """Begin at the line that is being written at ``end``."""
        file.skip_to(end)
        with contextlib.suppress(OSError):  # the next read reports it
            self._container.look_back(file)

    def _restart(self, file: OpenFile) -> None:
        """Begin again in a file that was truncated in place.

        What was not read of it is in the copy that was made just before, if one was made. What was written between
        the copying and the truncating is lost, and nobody knows how much that was.
        """
        self.counts.truncations += 1
        until = file.seen
        copy = self._find_copy(file)
        if copy is None:
            self._registry.remember(file)  # so that its copy is not taken for a new log
            file.reject_partial()
            self._container.give_up(file)
            self.counts.lost_bytes += max(0, until - file.position)
        else:
            copy.go_on_from(file)
            self._container.moved(file, copy)
            self.counts.lost_bytes += max(0, until - copy.size())
            self._registry.follow(copy)
            self._files.insert(self._files.index(file), copy)
        file.seek(0)
        self._look_for_copies(file)  # it may have been copied and truncated several times
        self._siblings = self._look_around()  # the copies are no rotated files

    def _look_for_copies(self, file: OpenFile) -> bool:
        self._registry.renewed.add(file.identity)  # its copies may have names of another log
        return self._take_up_missed(before=file)

    def _find_copy(self, truncated: OpenFile) -> OpenFile | None:
        """Find the copy of a truncated file: the largest file with the same content at the position."""
        content, start = truncated.last_known()
        if not content:
            return None
        found: OpenFile | None = None
        for file in self._registry.open_copies(self.path):
            longer = file.size() > (truncated.position if found is None else found.seen)
            if longer and not self._registry.follows(file.identity) and file.has(content, start):
                if found is not None:
                    found.close()
                found = file
            else:
                file.close()
        return found

    def _has_been_quiet(self, file: OpenFile) -> bool:
        now = self._registry.clock()
        if file.quiet_since is None:
            file.quiet_since = now
        # A container's line may end in the next file. Until then, the checkpoint must be able to name its parts.
        linger = TORN_SECONDS if self._container.unfinished_in(file) else LINGER_SECONDS
        return now - file.quiet_since >= linger

    def _close(self, file: OpenFile) -> None:
        self._files.remove(file)
        self._registry.release(file)
        file.reject_partial()
        self._container.give_up(file)

    def _missed(self, opened: contextlib.ExitStack, *fresh: OpenFile) -> list[OpenFile]:
        """Open the files that were at the path and were rotated away since the last look, the oldest first."""
        fingerprints = self._siblings | {
            file.identity: file.beginning or file.fingerprint() for file in (*fresh, *self._files)
        }
        missed: list[OpenFile] = []
        for file in self._registry.open_around(self.path):
            if self._registry.follows(file.identity) or _is_known(file, fingerprints):
                file.close()
            else:
                opened.callback(file.close)
                missed.append(file)
        # The largest first: a file is larger than its unfinished copy.
        for file in sorted(missed, key=OpenFile.size, reverse=True):
            if _is_known(file, fingerprints) or not self._registry.place(file) or 0 < file.position == file.size():
                missed.remove(file)
                file.close()
            else:
                fingerprints[file.identity] = file.fingerprint()
        return sorted(missed, key=OpenFile.modified)

    def _look_around(self) -> dict[Identity, bytes]:
        """Remember the rotated files that exist, to recognise new ones."""
        fingerprints: dict[Identity, bytes] = {}
        for file in self._registry.open_around(self.path):
            if not self._registry.has(file.identity):  # a copy may still be needed, if the other file is truncated
                fingerprints[file.identity] = file.fingerprint()
            file.close()
        return fingerprints


def _is_known(file: OpenFile, known: Mapping[Identity, bytes]) -> bool:
    """Whether this is a known file, perhaps grown or renamed, or a copy of one.

    The inode alone proves nothing: that of a deleted file is soon reused.
    """
    fingerprint = file.fingerprint()
    if file.identity in known and fingerprint.startswith(known[file.identity]):
        return True
    return any(begin_alike(fingerprint, other) for other in known.values())
