"""A client whose token a test can look at."""

import time
from collections.abc import Callable

from vault_exporter.config.schema.model import Target
from vault_exporter.vault.auth.shared import Shared
from vault_exporter.vault.auth.transport import AuthTransport
from vault_exporter.vault.client import Client
from vault_exporter.vault.transport import HttpTransport

__all__ = ["LoggedIn"]


class LoggedIn(Client):
    """The layers of a target's client, with its token in sight."""

    def __init__(self, target: Target, *, shared: Shared | None = None, clock: Callable[[], float] = time.time) -> None:
        transport = AuthTransport(HttpTransport(target, clock), target, shared or Shared(), clock)
        super().__init__(target, transport)
        self.tokens = transport.tokens
