"""A target's client, with the layers below it: HTTP, and above that the login."""

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
    """A client, and the token that its calls carry. Closing the client ends the login, too."""

    client: Client
    tokens: TokenManager


def connect(target: Target, *, shared: Shared | None = None, clock: Callable[[], float] = time.time) -> Connection:
    """Make the client of a target; nothing is sent yet. Call it inside a running event loop, and close the client.

    Args:
        target: the node, and how to log in to it.
        shared: what the logins of all targets share.
        clock: Unix time, in seconds.

    Raises:
        TlsError: its TLS settings cannot be used.
    """
    transport = AuthTransport(HttpTransport(target, clock), target, shared or Shared(), clock)
    return Connection(Client(target, transport), transport.tokens)
