"""Parse syslog messages, and split streams of them.

Vault's ``syslog`` device writes to the host's syslog daemon, which forwards the entries as RFC 3164 or RFC 5424, in
datagrams, or in a stream with octet counting or newlines (RFC 6587).
"""

import re
from collections.abc import Callable
from typing import Final

from vault_exporter.audit.inputs.line_buffer import LineBuffer
from vault_exporter.audit.lines.splitter import PartialLine
from vault_exporter.audit.parse.decode import Reject

__all__ = ["SyslogSplitter", "message", "put_message"]

_PRIORITY: Final = re.compile(rb"<\d{1,3}>")
_RFC_5424: Final = re.compile(
    # Possessive quantifiers: no backtracking and no state per byte for any input.
    rb"1 \S++ \S++ \S++ \S++ \S++ "  # version, time, host, application, process id, message id
    rb'(?:-|(?:\[(?:[^\]"\\]++|"(?:[^"\\]++|\\.)*+")*+\])++)'  # structured data
    rb"(?: |$)",
    re.DOTALL,
)
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_ENTRY: Final = b'{"'
_LONGEST_COUNT: Final = 10
_LONGEST_HEADER: Final = 64 << 10
"""Longest header in bytes. A message with a longer header is not syslog."""


def message(packet: bytes) -> bytes | None:
    """Return the text of a message; None if it is not syslog.

    RFC 3164 allows any text after the priority. If it contains an audit entry, the text starts there.
    """
    priority = _PRIORITY.match(packet)
    if priority is None:
        return None
    packet = packet.rstrip(b"\r\n\0")
    start = priority.end()
    if packet.startswith(b"1 ", start):
        header = _RFC_5424.match(packet, start, start + _LONGEST_HEADER)
        if header is None:
            return None
        return packet[header.end() :].removeprefix(_BYTE_ORDER_MARK)
    return packet[max(start, packet.find(_ENTRY, start)) :]


def put_message(buffer: LineBuffer, packet: bytes) -> None:
    """Add a message's text to the buffer, or count it as rejected."""
    text = message(packet)
    if text is None:
        if packet.strip():
            buffer.rejected[Reject.NOT_SYSLOG] += 1
    else:
        buffer.put(text)


class SyslogSplitter:
    """Splits a stream into messages: ``123 <14>...`` has an octet count, ``<14>...`` ends at a newline."""

    def __init__(self, buffer: LineBuffer) -> None:
        self._buffer = buffer
        self._state: Callable[[bytes, int], int] = self._at_start
        self._message = PartialLine(buffer)
        self._digits = b""
        self._left = 0
        self._ended = 0

    @property
    def unfinished(self) -> bool:
        """Whether there is a partial message."""
        return self._state != self._at_start

    def feed(self, data: bytes) -> int:
        """Process a piece; return the number of messages that ended in it."""
        self._buffer.received_bytes += len(data)
        before, place = self._ended, 0
        while place < len(data):
            place = self._state(data, place)
        return self._ended - before

    def end(self) -> None:
        """Finish the stream. Reject a partial message as incomplete, unless it lacks only the newline."""
        if self._state == self._in_line and self._message.looks_whole:
            self._finish()
        elif self.unfinished and not self._message.skipping:
            self._buffer.rejected[Reject.INCOMPLETE] += 1
        self._reset()

    def _at_start(self, data: bytes, place: int) -> int:
        self._state = self._in_count if data[place : place + 1].isdigit() else self._in_line
        return place

    def _in_line(self, data: bytes, place: int) -> int:
        newline = data.find(b"\n", place)
        stop = newline if newline >= 0 else len(data)
        self._message.add(data[place:stop])
        if newline < 0:
            return stop
        self._finish()
        return newline + 1

    def _in_count(self, data: bytes, place: int) -> int:
        byte = data[place : place + 1]
        if byte.isdigit() and len(self._digits) < _LONGEST_COUNT:
            self._digits += byte
            return place + 1
        if byte == b" ":
            self._left = int(self._digits)
            self._state = self._in_counted if self._left else self._at_start
            if self._left > self._buffer.max_line_bytes:
                self._buffer.rejected[Reject.TOO_LONG] += 1
                self._message.skipping = True
            self._digits = b""
            return place + 1
        # Not an octet count: the message ends at the next newline.
        self._buffer.rejected[Reject.NOT_SYSLOG] += 1
        self._message.skipping = True
        self._state = self._in_line
        return place

    def _in_counted(self, data: bytes, place: int) -> int:
        piece = data[place : place + self._left]
        self._left -= len(piece)
        self._message.add(piece)
        if not self._left:
            self._finish()
        return place + len(piece)

    def _finish(self) -> None:
        packet = self._message.finish()
        self._reset()
        self._ended += 1
        if packet is not None:
            put_message(self._buffer, packet)

    def _reset(self) -> None:
        self._message.clear()
        self._state = self._at_start
        self._digits = b""
