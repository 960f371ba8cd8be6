r"""Unwrap the log formats of container runtimes, and join the parts of long lines.

A runtime stores the standard output and standard error of a container line by line:

- CRI (containerd, CRI-O, Podman's ``k8s-file``): ``2026-11-28T15:00:00.000000001Z stdout F {...}``. A line of more
  than 16 KiB is stored as several lines with the tag ``P`` and a last one with the tag ``F``.
- Docker's ``json-file``: ``{"log":"{...}\n","stream":"stdout","time":"2026-11-28T15:00:00.000000001Z"}``. Only the
  last part of a line ends in a newline.

Lines of both streams can interleave, even between the parts of a line.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from vault_exporter.audit.lines.splitter import LineCounts, PartialLine
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.config.schema.model import AuditFormat
from vault_exporter.util.json import UNREADABLE

__all__ = ["Origin", "Part", "Unfinished", "Unwrapper"]

_CRI: Final = re.compile(
    rb"\0*(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[0-9.]*(?:Z|[+-]\d\d:\d\d)) (stdout|stderr) ([FP])(?::\S*)?(?: |$)"
)
_DOCKER_START: Final = re.compile(rb'\0*\{\s*"(?:log|stream|attrs|time)"\s*:')
_DOCKER_KEY: Final = b'"log"'
_PLAIN: Final = b'{"'
_MOST_LOOKED_AT: Final = 64
"""Lines of a chunk that are checked to detect the format."""


class Part(NamedTuple):
    """Output of a container: a line with its newline, or a part of a line."""

    stream: str
    text: bytes
    ends: bool
    """Whether this is the last part of the line."""
    time: str
    """The runtime's timestamp."""


class Origin(NamedTuple):
    """Position of a line of the runtime."""

    file: object = None
    position: int = 0


class _DockerLine(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The keys may be in any order, since a program may have rewritten the line. Any other key means another format."""

    log: str
    stream: str = ""
    attrs: msgspec.Raw = msgspec.Raw()
    time: str = ""


_DOCKER: Final = msgspec.json.Decoder(_DockerLine)


class Unfinished:
    """A line whose last part is missing so far.

    Attributes:
        origins: position of its first part in each file that has parts of it.
        line: the joined parts.
        time: the runtime's timestamp of the last part.
    """

    __slots__ = ("line", "origins", "time")

    def __init__(self, origin: Origin, counts: LineCounts) -> None:
        self.origins = [origin]
        self.line = PartialLine(counts)
        self.time = ""


class Unwrapper:
    """Converts the runtime's lines to the container's lines.

    Lines without an envelope stay unchanged.

    Attributes:
        unfinished: lines whose last part is missing so far, by stream; at most one each of standard output and error.
    """

    def __init__(self, counts: LineCounts, format_: AuditFormat = AuditFormat.AUTO) -> None:
        """Start without partial lines.

        Args:
            counts: the limits, which also apply to joined lines, and the counters of skipped lines.
            format_: the envelope; ``auto`` detects it.
        """
        self.unfinished: dict[str, Unfinished] = {}
        self._counts = counts
        self._detects = format_ is AuditFormat.AUTO
        self._format = AuditFormat.PLAIN if self._detects else format_

    @property
    def mixed(self) -> bool:
        """Whether server log lines may be mixed with the entries."""
        return self._format is not AuditFormat.PLAIN

    @property
    def is_wrapped(self) -> bool:
        """Whether the lines have envelopes."""
        return self._format in {AuditFormat.CRI, AuditFormat.DOCKER}

    def detect(self, lines: Sequence[bytes]) -> bool:
        """Detect the format of these lines, unless it is configured.

        Returns:
            whether they have envelopes.
        """
        if self._detects and not (self._format is AuditFormat.PLAIN and lines and _is_plain(lines[0])):
            found = filter(None, map(_envelope_of, lines[:_MOST_LOOKED_AT]))
            self._format = next(found, self._format)
        return self.is_wrapped

    def unwrap(self, lines: Sequence[bytes], origins: Sequence[Origin]) -> Iterator[tuple[bytes, Part | None]]:
        """Yield the lines that end here, each with its last part, or with None if it has no envelope.

        Args:
            lines: whole lines of the file, in order.
            origins: position of each line.
        """
        for line, origin in zip(lines, origins, strict=True):
            part = self.parse(line)
            if part is None:
                yield line, None
            elif (text := self._join(part, origin)) is not None:
                yield text, part

    def parse(self, line: bytes) -> Part | None:
        """Parse the envelope of one line; None if it has none."""
        return _docker_part(line) if self._format is AuditFormat.DOCKER else _cri_part(line)

    def _join(self, part: Part, origin: Origin) -> bytes | None:
        """Add a part to its line; return the line if the part is its last."""
        started = self.unfinished.get(part.stream)
        if started is None:
            if part.ends:
                return part.text
            started = self.unfinished[part.stream] = Unfinished(origin, self._counts)
        elif started.origins[-1].file is not origin.file:
            started.origins.append(origin)
        started.time = part.time
        started.line.add(part.text.removesuffix(b"\n"))
        if not part.ends:
            return None
        del self.unfinished[part.stream]
        line = started.line.finish()
        return None if line is None else line + b"\n"

    def restore(self, stream: str, lines: Sequence[bytes], origin: Origin) -> None:
        """Restore the parts of one stream that an earlier reader has read.

        Args:
            stream: the stream; lines of other streams are ignored.
            lines: whole lines of the file.
            origin: position of the first part in the file.
        """
        for line in lines:
            part = self.parse(line)
            if part is not None and part.stream == stream and not part.ends:
                self._join(part, origin)

    def skip(self, stream: str, origin: Origin) -> None:
        """Skip the rest of the current line of a stream, as an earlier reader did."""
        self.unfinished[stream] = Unfinished(origin, self._counts)
        self.unfinished[stream].line.skipping = True

    def give_up(self, *streams: str) -> None:
        """Reject the unfinished lines of these streams, because their last parts are lost."""
        for stream in streams:
            self.unfinished.pop(stream).line.reject(Reject.INCOMPLETE)


def _is_plain(line: bytes) -> bool:
    return line.startswith(_PLAIN) and not _may_be_docker(line)


def _may_be_docker(line: bytes) -> bool:
    return _DOCKER_KEY in line and _DOCKER_START.match(line) is not None


def _envelope_of(line: bytes) -> AuditFormat | None:
    """Return the format of a line's envelope, if any."""
    if _cri_part(line) is not None:
        return AuditFormat.CRI
    return None if _docker_part(line) is None else AuditFormat.DOCKER


def _cri_part(line: bytes) -> Part | None:
    match = _CRI.match(line)
    if match is None:
        return None
    text, ends = line[match.end() :], match[3] == b"F"
    return Part(match[2].decode(), text if ends else text.removesuffix(b"\n"), ends, match[1].decode())


def _docker_part(line: bytes) -> Part | None:
    if not _may_be_docker(line):
        return None
    try:
        found = _DOCKER.decode(line.lstrip(b"\0"))
        text = found.log.encode()
    except UNREADABLE:
        return None
    return Part(found.stream, text, text.endswith(b"\n"), found.time)
