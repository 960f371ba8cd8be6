"""The health check. It needs only the standard library, as long as no file says where the exporter listens."""

import os
import re
import socket
import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from vault_exporter.cli.names import flags_of, variables_of

__all__ = ["Options", "check", "read"]

_ALIVE: Final = frozenset({200, 401, 403, 429})
"""Statuses of a running exporter: healthy, or it refuses the request."""
_HEALTH_SECONDS: Final = 3.0
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)[ \r]")
_LONGEST_STATUS_LINE: Final = 1024
_LISTEN: Final = re.compile(r"((?:[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,3})?):([1-9]\d{0,3}|[1-5]\d{4})")
"""The usual addresses. Those of another form take the reader of the configuration."""
_LOCAL: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
_DEFAULT: Final = ":9410"


class Options(NamedTuple):
    """The options of the command."""

    config: str | None = None
    listen: str | None = None
    web_config_file: str | None = None


class _Place(NamedTuple):
    """Where and how the exporter listens."""

    host: str
    port: int
    text: str
    tls: bool = False
    knows_clients: bool = False


def read(arguments: Sequence[str]) -> Options | None:
    """Read the options and the environment; None for help and for wrong options, which the command itself answers."""
    flags = flags_of(Options._fields)
    variables = variables_of(Options._fields)
    found = {name: value for name, variable in variables.items() if (value := os.environ.get(variable))}
    left = iter(arguments)
    for argument in left:
        flag, equals, value = argument.partition("=")
        given = value if equals and flag.startswith("--") else next(left, "")
        if flag not in flags or (equals and not flag.startswith("--")) or not given or given.startswith("-"):
            return None
        found[flags[flag]] = given
    return Options(**found)


def check(options: Options) -> str | None:
    """Ask the exporter for its health, within three seconds in total. Return what is wrong, or None."""
    place = _place(options)
    if isinstance(place, str):
        return place
    try:
        status = _ask(place)
    except OSError as error:
        # It runs and requires a client certificate. With TLS 1.3 the connection closes only after the handshake.
        hung_up = isinstance(error, ConnectionResetError | BrokenPipeError) or _is_tls(error)
        if place.tls and place.knows_clients and hung_up:
            return None
        late, number = isinstance(error, TimeoutError), None if _is_tls(error) else error.errno
        what = "not in time" if late else os.strerror(number) if number and number > 0 else "not with HTTP"
        return (
            f"vault-exporter does not answer on {place.text}: {what}; "
            "give the --config or --web.listen-address that it runs with"
        )
    return None if status in _ALIVE else f"vault-exporter answers HTTP {status} on {place.text}"


def _place(options: Options) -> _Place | str:
    listen = options.listen or _DEFAULT
    usual = _LISTEN.fullmatch(listen)
    if usual and not options.config and not options.web_config_file:
        return _Place(usual[1], int(usual[2]), listen)
    from pathlib import Path  # noqa: PLC0415 - most health checks have no file to read

    from vault_exporter.config.load import ConfigError, Flags, Loader  # noqa: PLC0415 - likewise
    from vault_exporter.web.config_file import load_web  # noqa: PLC0415 - likewise

    flags = Flags(listen=options.listen, web_config_file=options.web_config_file)
    try:
        where, web = Loader({}, load_web).load_listen(Path(options.config) if options.config else None, flags)
    except ConfigError as error:
        return str(error)
    return _Place(where.host, where.port, str(where), web.tls_server_config is not None, web.knows_clients)


def _ask(place: _Place) -> int:
    """Return the status of the answer.

    Raises:
        OSError: no answer, or none that is HTTP.
    """
    by = time.monotonic() + _HEALTH_SECONDS
    host = _LOCAL.get(place.host, place.host)
    authority = f"[{host}]" if ":" in host else host
    request = f"GET /-/healthy HTTP/1.1\r\nHost: {authority}:{place.port}\r\nConnection: close\r\n\r\n"
    connection = socket.create_connection((host, place.port), _HEALTH_SECONDS)
    with connection if not place.tls else _over_tls(connection) as stream:
        stream.sendall(request.encode("ascii"))
        answer = b""
        while b"\n" not in answer and len(answer) < _LONGEST_STATUS_LINE:
            left = by - time.monotonic()
            if left <= 0:
                raise TimeoutError
            stream.settimeout(left)
            received = stream.recv(_LONGEST_STATUS_LINE)
            if not received:
                break
            answer += received
    if not answer and place.tls:
        raise ConnectionResetError
    status = _STATUS_LINE.match(answer)
    if not status:
        raise OSError("not with HTTP")
    return int(status[1])


def _over_tls(connection: socket.socket) -> socket.socket:
    import ssl  # noqa: PLC0415 - only with TLS

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # The connection is local and carries no secret, so the certificate is not verified.
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(connection)


def _is_tls(error: OSError) -> bool:
    return type(error).__module__ == "ssl" and not isinstance(error, TimeoutError)
