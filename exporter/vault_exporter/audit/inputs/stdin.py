"""Standard input: the one input that makes its writer wait, since a pipe is meant to.

Nothing is shed: a backlog that is piped in counts as a whole. Whoever runs Vault with its audit log on standard output
and pipes that in has Vault wait for the exporter; the network inputs do not.
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
    """Lines of an open file: a pipe, a terminal, or a file that standard input was redirected from.

    Attributes:
        label: the value of the label ``log``.
        buffer: what was read.
        up: whether more may come.
    """

    def __init__(self, max_line_bytes: int, descriptor: int = 0) -> None:
        self.label = "stdin"
        self.buffer = LineBuffer(2 * (max_line_bytes + _CHUNK_BYTES), max_line_bytes)
        self.up = True
        self._splitter = NewlineSplitter(self.buffer)
        self._descriptor = descriptor

    async def start(self) -> None:
        """Nothing needs to be opened."""

    def poll(self) -> list[bytes] | None:
        """Read what is there, without waiting; None if nothing is."""
        if (lines := self.buffer.take()) is not None:
            return lines
        if not self.up or not select.select([self._descriptor], [], [], 0)[0]:
            return None
        try:
            data = os.read(self._descriptor, _CHUNK_BYTES)
        except OSError:  # the terminal is gone, or it is a directory: nothing more will come
            data = b""
        if data:
            self._splitter.feed(data)
        else:
            self._splitter.end()
            self.up = False
        return self.buffer.take() or []

    def samples(self) -> Iterator[Sample]:
        """Yield nothing beyond what all inputs have."""
        return iter(())

    async def close(self) -> None:
        """Nothing was opened."""
