"""The types of inputs, and their common interface."""

from collections.abc import Iterator
from typing import Protocol

from vault_exporter.audit.inputs.datagram import DatagramInput
from vault_exporter.audit.inputs.http import HttpEndpoint
from vault_exporter.audit.inputs.line_buffer import LineBuffer, NewlineSplitter
from vault_exporter.audit.inputs.stdin import StandardInput
from vault_exporter.audit.inputs.stream import StreamInput
from vault_exporter.audit.inputs.syslog import SyslogSplitter
from vault_exporter.config.schema import inputs as config
from vault_exporter.metrics.family import Sample

__all__ = ["Input", "make_input"]


class Input(Protocol):
    """The interface of all inputs."""

    label: str
    """The value of the label ``log``."""
    buffer: LineBuffer
    """The received lines."""
    up: bool
    """Whether the input can receive more lines."""

    async def start(self) -> None:
        """Open the input."""

    def poll(self) -> list[bytes] | None:
        """Return lines without waiting; None if there are none."""

    def samples(self) -> Iterator[Sample]:
        """Yield the samples of this type of input."""

    async def close(self) -> None:
        """Close the input."""


def make_input(given: config.Input, max_line_bytes: int) -> Input:
    """Build an input from its settings."""
    name = config.name(given)
    match given:
        case config.StdinInput():
            return StandardInput(max_line_bytes)
        case config.HttpInput():
            return HttpEndpoint(given, max_line_bytes)
        case config.SocketInput():
            return StreamInput(name, given, max_line_bytes, NewlineSplitter)
        case config.SyslogInput() if given.listen.scheme is config.Scheme.TCP:
            return StreamInput(name, given, max_line_bytes, SyslogSplitter)
        case config.SyslogInput():
            return DatagramInput(name, given, max_line_bytes)
