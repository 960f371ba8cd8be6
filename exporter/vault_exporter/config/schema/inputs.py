"""Sources of audit entries other than files. The key ``type`` selects one."""

import enum
import ipaddress
from pathlib import Path
from typing import Annotated

import msgspec

__all__ = [
    "Address",
    "HttpInput",
    "Input",
    "Listening",
    "Mode",
    "Network",
    "Scheme",
    "Size",
    "SocketInput",
    "StdinInput",
    "SyslogInput",
    "name",
]

Size = Annotated[int, "size"]
"""Bytes, as :data:`vault_exporter.config.schema.model.Size`."""

Mode = Annotated[int, "mode"]
"""Permissions of a file, as octal digits in quotes."""

Network = Annotated[ipaddress.IPv4Network | ipaddress.IPv6Network, "network"]
"""A network such as 10.0.0.0/8, or one address."""


class Scheme(enum.StrEnum):
    """How to listen."""

    TCP = "tcp"
    UDP = "udp"
    UNIX = "unix"
    UNIXGRAM = "unixgram"
    """A Unix socket for datagrams, such as /dev/log."""


class Address(msgspec.Struct, frozen=True):
    """Where to listen: a path for Unix sockets, else host and port; an empty host is every address."""

    scheme: Scheme
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        where = self.path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")
        return f"{self.scheme}://{where}"


class StdinInput(msgspec.Struct, frozen=True, tag_field="type", tag="stdin"):
    """Standard input. Its writer waits while the exporter is behind."""


class Listening(msgspec.Struct, frozen=True):
    """Settings that all listening inputs share."""

    listen: Address
    mode: Mode = 0o660
    """Permissions of a Unix socket."""
    allow: tuple[Network, ...] = ()
    """Networks that may connect or send; empty allows any."""
    max_connections: int = 64
    max_waiting_bytes: Size = 64 << 20
    """Memory for lines that are not yet counted; further ones are dropped."""


class SocketInput(Listening, frozen=True, tag_field="type", tag="socket"):
    """Receives newline-separated entries from Vault's ``socket`` device."""


class SyslogInput(Listening, frozen=True, tag_field="type", tag="syslog"):
    """Receives entries of Vault's ``syslog`` device from a syslog daemon."""


class HttpInput(msgspec.Struct, frozen=True, tag_field="type", tag="http"):
    """Receives entries that OpenBao's ``http`` device posts to ``/audit`` of the exporter."""

    token_file: Path
    """File with the token that the device must send; read again when it changes."""
    max_waiting_bytes: Size = 64 << 20


Input = StdinInput | SocketInput | SyslogInput | HttpInput


def name(given: Input) -> str:
    """Return an input's name: its value of the label ``log``."""
    match given:
        case StdinInput():
            return "stdin"
        case HttpInput():
            return "http"
        case SocketInput():
            return str(given.listen)
        case SyslogInput():
            return f"syslog+{given.listen}"
