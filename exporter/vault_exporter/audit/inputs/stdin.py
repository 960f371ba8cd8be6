"""Standard input, the only input that makes its writer wait.

No line is dropped, so a piped backlog is counted completely. If Vault writes its audit log to standard output and a
pipe connects it to the exporter, Vault waits for the exporter.
"""

import os
import select
from collections.abc import Iterator
from typing import Final

from vault_exporter.audit.inputs.line_buffer import LineBuffer, NewlineSplitter
from vault_exporter.metrics.family import Sample

__all__ = ["StandardInput"]

_CHUNK_BYTES: Final = 128 << 10


class StandardInput:
    """Lines of standard input: a pipe, a terminal or a redirected file.

    Attributes:
        label: the value of the label ``log``.
        buffer: the lines read.
        up: whether the end has not been reached.
    """

    def __init__(self, max_line_bytes: int, descriptor: int = 0) -> None:
        self.label = "stdin"
        self.buffer = LineBuffer(2 * (max_line_bytes + _CHUNK_BYTES), max_line_bytes)
        self.up = True
        self._splitter = NewlineSplitter(self.buffer)
        self._descriptor = descriptor

    async def start(self) -> None:
        """Do nothing: standard input is already open."""

    def poll(self) -> list[bytes] | None:
        """Read available lines without waiting; None if there are none."""
        if (lines := self.buffer.take()) is not None:
            return lines
        if not self.up or not select.select([self._descriptor], [], [], 0)[0]:
            return None
        try:
            data = os.read(self._descriptor, _CHUNK_BYTES)
        except OSError:  # the terminal is gone, or it is a directory: treat it as the end
            data = b""
        if data:
            self._splitter.feed(data)
        else:
            self._splitter.end()
            self.up = False
        return self.buffer.take() or []

    def samples(self) -> Iterator[Sample]:
        """Yield no samples of its own."""
        return iter(())

    async def close(self) -> None:
        """Do nothing: standard input stays open."""
