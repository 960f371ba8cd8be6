"""Reading and checking the values of :mod:`vault_exporter.config.schema.inputs`."""

import ipaddress
import re
from typing import Final

from vault_exporter.config.parse import values
from vault_exporter.config.parse.path_checks import is_directory
from vault_exporter.config.parse.reader import Checks
from vault_exporter.config.schema.inputs import Address, HttpInput, Input, Listening, Scheme, SocketInput, SyslogInput

__all__ = ["problems", "read_address", "read_mode", "read_network"]

_LONGEST_PATH: Final = 107
"""Bytes of a Unix socket's path that Linux takes."""
_MODE: Final = re.compile(r"0?[0-7]{3}")


def read_address(value: object) -> Address:
    """Read ``tcp://127.0.0.1:9411``, ``udp://:5514``, ``unix:///run/a.sock`` or ``unixgram:///dev/log``."""
    scheme, separator, rest = values.text(value).partition("://")
    if not separator or scheme not in tuple(Scheme):
        raise ValueError("not an address; write it like tcp://127.0.0.1:9411, udp://:5514, or unix:///run/audit.sock")
    if scheme in {Scheme.UNIX, Scheme.UNIXGRAM}:
        if not rest.startswith("/") or len(rest.encode()) > _LONGEST_PATH:
            raise ValueError(f"the socket's path must begin with / and have at most {_LONGEST_PATH} bytes")
        return Address(Scheme(scheme), path=rest)
    if ":" not in rest.rpartition("]")[2]:
        raise ValueError("the port is missing; write it like tcp://127.0.0.1:9411")
    listen = values.listen(rest)
    return Address(Scheme(scheme), listen.host, listen.port)


def read_mode(value: object) -> int:
    """Read permissions."""
    if not isinstance(value, str) or not _MODE.fullmatch(value):
        raise ValueError('not permissions; write them in quotes as octal digits, like "0660"')
    return int(value, 8)


def read_network(value: object) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Read a network or a single address."""
    try:
        return ipaddress.ip_network(values.text(value))
    except ValueError:
        raise ValueError("not a network; write it like 10.0.0.0/8, fd00::/8, or 192.0.2.7") from None


def problems(given: Input) -> Checks:
    """Say what is wrong between the keys of one input."""
    match given:
        case SocketInput() if given.listen.scheme not in {Scheme.TCP, Scheme.UNIX}:
            yield "listen", "a socket input is tcp:// or unix://; Vault's device loses entries over udp"
        case SyslogInput() if given.listen.scheme is Scheme.UNIX:
            yield "listen", "a syslog input is udp://, tcp:// or unixgram://"
        case HttpInput() if not is_directory(given.token_file.parent):
            yield "token_file", f"there is no directory {given.token_file.parent}"
        case HttpInput() if is_directory(given.token_file):
            yield "token_file", "is a directory; name the file in it"
    if isinstance(given, Listening) and given.allow and given.listen.path:
        yield "allow", "has no effect on a Unix socket; set mode"
