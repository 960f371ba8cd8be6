"""How a login sends its requests."""

from collections.abc import Mapping
from typing import Protocol

from vault_exporter.vault.answer import Answer

__all__ = ["Send"]


class Send(Protocol):
    """A function that sends one request to the node."""

    async def __call__(self, method: str, path: str, headers: Mapping[str, str], body: object = None) -> Answer:
        """Send a request; ``path`` is below ``/v1/``, ``body`` is sent as JSON.

        Raises:
            VaultError: no complete response, or a redirect.
        """
