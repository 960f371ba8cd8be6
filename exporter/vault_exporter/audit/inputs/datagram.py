"""Syslog datagrams, over UDP or a Unix socket such as /dev/log.

The kernel drops datagrams that do not fit its buffer without telling the exporter. Use syslog over TCP if no line may
be lost.
"""

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Final

from vault_exporter.audit.inputs.line_buffer import LineBuffer
from vault_exporter.audit.inputs.sockets import Refusal, allows, open_socket, refusal_samples, remove_socket
from vault_exporter.audit.inputs.syslog import put_message
from vault_exporter.config.schema.inputs import Listening
from vault_exporter.metrics.family import Sample

__all__ = ["DatagramInput"]

_AT_ONCE_SECONDS: Final = 0.005
"""Time for datagrams in one turn of the event loop."""
_LARGEST: Final = 1 << 20
"""Largest datagram in bytes. UDP allows 65,507; a Unix socket allows the size of the kernel's buffer."""


class DatagramInput:
    """A socket that receives syslog messages as datagrams.

    Attributes:
        label: the value of the label ``log``.
        buffer: the received lines.
        up: whether the socket is open.
        refused: number of refused datagrams by reason.
    """

    def __init__(self, name: str, settings: Listening, max_line_bytes: int) -> None:
        self.label = name
        self.buffer = LineBuffer(settings.max_waiting_bytes, max_line_bytes)
        self.up = False
        self.refused = {Refusal.NOT_ALLOWED: 0}
        self._settings = settings
        self._socket: socket.socket | None = None

    async def start(self) -> None:
        """Open the socket.

        Raises:
            OSError: the address cannot be used.
        """
        self._socket = open_socket(self._settings)
        asyncio.get_running_loop().add_reader(self._socket, self._receive, self._socket)
        self.up = True

    def poll(self) -> list[bytes] | None:
        """Return received lines; None if there are none."""
        return self.buffer.take()

    def samples(self) -> Iterator[Sample]:
        """Yield the counters of refused datagrams."""
        yield from refusal_samples(self.label, self.refused)

    async def close(self) -> None:
        """Close the socket."""
        self.up = False
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            remove_socket(self._settings.listen)

    def _receive(self, receiving: socket.socket) -> None:
        end = time.perf_counter() + _AT_ONCE_SECONDS
        while time.perf_counter() < end:
            try:
                packet, peer = receiving.recvfrom(_LARGEST)
            except OSError:  # usually BlockingIOError: no datagram is left
                return
            if allows(self._settings, peer):
                self.buffer.received_bytes += len(packet)
                put_message(self.buffer, packet)
            else:
                self.refused[Refusal.NOT_ALLOWED] += 1
