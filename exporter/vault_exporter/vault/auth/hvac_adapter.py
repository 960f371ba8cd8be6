"""An hvac adapter that sends hvac's requests through the exporter's transport.

hvac knows the endpoint and parameters of each login method, and the signature of AWS. Its requests use the transport's
TLS, timeouts, size limits and headers, and follow no redirects. hvac returns the result of its adapter, here an
awaitable, so no thread is needed.
https://python-hvac.org/en/stable/advanced_usage.html#custom-requests-http-adapter
"""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Final

from vault_exporter.config.schema.secret import Secret
from vault_exporter.vault.auth.light_hvac import adapters
from vault_exporter.vault.auth.reply import Reply, ask
from vault_exporter.vault.auth.send import Send

__all__ = ["Adapter"]

_NO_SESSION: Final = SimpleNamespace(verify=True, cert=None, proxies=None)
"""Without a session, hvac makes one of requests for each adapter, which is of no use here."""


class Adapter(adapters.Adapter):  # type: ignore[misc] # hvac has no types
    """The adapter. Each request returns an awaitable of a :class:`Reply`."""

    def __init__(self, send: Send, namespace: str | None, token: Secret | None = None) -> None:
        super().__init__(base_uri="", namespace=namespace, session=_NO_SESSION)
        self._send_request = send
        self._secret = token

    def get_login_token(self, response: object) -> str:
        """Return an empty string, because hvac does not keep the token."""
        raise NotImplementedError

    async def request(  # hvac's other arguments set TLS and timeouts, which the transport owns
        self, method: str, url: str, headers: Mapping[str, str] | None = None, json: object = None, **_: object
    ) -> Reply:
        """Send a request, and return its successful response.

        Raises:
            LoginError: the request failed.
        """
        return await ask(
            self._send_request,
            method.upper(),
            url.strip("/").removeprefix("v1/"),
            json,
            namespace=self.namespace,
            secret=self._secret,
            headers=headers or {},
        )
