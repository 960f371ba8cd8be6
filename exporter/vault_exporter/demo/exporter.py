"""Run the exporter's command in its own process, as users do."""

import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from vault_exporter.demo.process import OPENER, Service, ServiceError, is_ready, program
from vault_exporter.metrics.exposition import Format

__all__ = ["ExporterProcess"]


class ExporterProcess:
    """A running ``vault-exporter serve``. Use it as a context manager, which stops it."""

    def __init__(
        self, arguments: Sequence[str | Path], *, port: int, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        """Start it and wait until it is ready.

        Args:
            arguments: after ``serve``; they must make it listen on the port.
            port: of 127.0.0.1.
            log: file for its output.
            env: variables set on top of this process's environment.

        Raises:
            ServiceError: it does not start.
        """
        self.address = f"http://127.0.0.1:{port}"
        self.service = Service(
            "vault-exporter", [program("vault-exporter"), "serve", *arguments], log=log, cwd=log.parent, env=env
        )
        try:
            self.service.wait_until(self._ready, timeout=30)
        except BaseException:
            self.service.stop()
            raise

    def get(self, path: str = "/metrics", fmt: Format = Format.TEXT, *, timeout: float = 10) -> bytes:
        """Read a page.

        Args:
            path: with query.
            fmt: to ask for.
            timeout: of each step of the exchange, in seconds.

        Raises:
            ServiceError: it does not answer with status 200.
        """
        request = urllib.request.Request(f"{self.address}{path}", headers={"Accept": fmt.value})  # noqa: S310 - HTTP
        try:
            with OPENER.open(request, timeout=timeout) as response:
                body: bytes = response.read()
                return body
        except urllib.error.HTTPError as error:
            with error:
                raise ServiceError(f"vault-exporter: {path}: {error}") from error
        except OSError as error:
            raise ServiceError(f"vault-exporter: {path}: {error}") from error

    def stop(self) -> int:
        """Stop it and return its exit status."""
        return self.service.stop(timeout=20)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ready(self) -> bool:
        return is_ready(self.address)
