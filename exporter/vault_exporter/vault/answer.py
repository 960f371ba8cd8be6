"""A node's HTTP response, and the error that it maps to."""

import contextlib
from typing import Final, NamedTuple, TypeVar

import msgspec

from vault_exporter.metrics.reasons import Reason
from vault_exporter.util.json import UNREADABLE
from vault_exporter.vault.errors import VaultError
from vault_exporter.vault.words import error_messages

__all__ = ["Answer"]

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


_EXPECTS_TLS: Final = b"Client sent an HTTP request to an HTTPS server."
"""Go's response to a plain HTTP request on a TLS port."""

_NOT_FOUND: Final = 404
_SERVER_ERROR: Final = 500
_CLASSES: Final = ((_SERVER_ERROR, Reason.HTTP_5XX), (400, Reason.HTTP_4XX), (300, Reason.REDIRECT))
"""Lowest status of each class, with its reason."""
_STATUS_REASONS: Final = {
    401: Reason.PERMISSION_DENIED,
    403: Reason.PERMISSION_DENIED,
    _NOT_FOUND: Reason.NOT_FOUND,
    429: Reason.RATE_LIMITED,
}


class Answer(NamedTuple):
    """A complete HTTP response of any status."""

    path: str
    status: int
    body: bytes
    sent: float
    """Unix time of the request, in seconds."""
    seconds: float
    """Time until the response was complete."""
    words: str = ""
    """Vault's error message, sanitised for display."""

    def json(self, kind: type[T]) -> T:
        """Decode the body.

        Raises:
            VaultError: ``bad_reply``; the body is not JSON of that shape.
        """
        try:
            return msgspec.json.decode(self.body, type=kind)
        except UNREADABLE as error:
            raise self._unexpected() from error

    def report(self, kind: type[S]) -> S:
        """Decode the body, an object. An optional field of the wrong type counts as missing.

        Raises:
            VaultError: ``bad_reply``; the body is not an object, or a required field is missing.
        """
        with contextlib.suppress(*UNREADABLE):
            return msgspec.json.decode(self.body, type=kind)  # the usual case: all fields are valid
        said = self.json(dict[str, msgspec.Raw])
        found = {}
        for field in msgspec.structs.fields(kind):
            if field.encode_name in said:
                with contextlib.suppress(*UNREADABLE):
                    found[field.name] = msgspec.json.decode(said[field.encode_name], type=field.type)
            if field.required and field.name not in found:
                raise self._unexpected()
        return kind(**found)

    def _unexpected(self) -> VaultError:
        return VaultError(Reason.BAD_REPLY, f"{self.path}: HTTP {self.status} with an unexpected body")

    def says(self, text: str) -> bool:
        """Return whether one of Vault's error messages (``{"errors": [...]}``) contains the text."""
        return any(text in message for message in error_messages(self.body) or ())

    def failure(self) -> VaultError:
        """Return the error of this response's status. An unexpected 2xx is ``bad_reply``."""
        message = f"{self.path}: HTTP {self.status}"
        if self.body.strip() == _EXPECTS_TLS:
            return VaultError(Reason.HTTP_4XX, f"{message}: it expects TLS; write https:// in its address")
        if self.status == _NOT_FOUND and self.path.startswith("sys/") and error_messages(self.body) is None:
            return VaultError(Reason.NOT_FOUND, f"{message}, not of Vault; correct the address and port of the target")
        if self.status >= _SERVER_ERROR and error_messages(self.body) is None:
            return VaultError(Reason.PROXY_ERROR, f"{message}, not of Vault but of a proxy or load balancer before it")
        said = f': Vault says "{self.words}"' if self.words else ""
        return VaultError(self._reason(), message + said)

    def _reason(self) -> Reason:
        if self.status in _STATUS_REASONS:
            return _STATUS_REASONS[self.status]
        return next((reason for least, reason in _CLASSES if self.status >= least), Reason.BAD_REPLY)
