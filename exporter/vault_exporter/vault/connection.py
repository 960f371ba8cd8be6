"""Build a target's client from its layers: HTTP transport, login, client."""

import time
from collections.abc import Callable
from typing import NamedTuple

from vault_exporter.config.schema.model import Target
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.auth.token_manager import TokenManager
from vault_exporter.vault.auth.transport import AuthTransport
from vault_exporter.vault.client import Client
from vault_exporter.vault.transport import HttpTransport

__all__ = ["Connection", "connect"]


class Connection(NamedTuple):
    """A client, and its token manager. Closing the client closes both."""

    client: Client
    tokens: TokenManager


def connect(target: Target, *, shared: Shared | None = None, clock: Callable[[], float] = time.time) -> Connection:
    """Build the client of a target without sending a request. Needs a running event loop; close the client after use.

    Args:
        target: the node and its login.
        shared: state that the logins of all targets share.
        clock: Unix time, in seconds.

    Raises:
        TlsError: the TLS settings are invalid.
    """
    transport = AuthTransport(HttpTransport(target, clock), target, shared or Shared(), clock)
    return Connection(Client(target, transport), transport.tokens)
