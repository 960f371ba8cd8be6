"""What a node answers, and the error where it gives no usable answer."""

import contextlib
from typing import Final, NamedTuple, TypeVar

import msgspec

from vault_exporter.metrics.reasons import Reason
from vault_exporter.util.json import UNREADABLE

__all__ = ["Answer", "NoTokenError", "VaultError"]

S = TypeVar("S", bound=msgspec.Struct)
T = TypeVar("T")


_EXPECTS_TLS: Final = b"Client sent an HTTP request to an HTTPS server."
"""What Go's server answers to a request without TLS where it expects it."""

_STATUS_REASONS: Final = {
    401: Reason.PERMISSION_DENIED,
    403: Reason.PERMISSION_DENIED,
    404: Reason.NOT_FOUND,
    429: Reason.RATE_LIMITED,
}


class VaultError(Exception):
    """The node gave no usable answer. ``str()`` is safe to log."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class NoTokenError(VaultError):
    """The call was not made, since the login that it needs failed."""


class _Errors(msgspec.Struct, frozen=True):
    """The body of every error of Vault's own."""

    errors: tuple[str, ...]


class Answer(NamedTuple):
    """A complete HTTP answer of any status."""

    path: str
    status: int
    body: bytes
    sent: float
    """Unix time, in seconds, at which the request was sent."""
    seconds: float
    """How long the answer took."""

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
        """Decode the body, an object; a field of another type is as if it was not there, if it need not be there.

        Raises:
            VaultError: ``bad_reply``; the body is no object, or lacks what must be there.
        """
        with contextlib.suppress(*UNREADABLE):
            return msgspec.json.decode(self.body, type=kind)  # mostly all is as it should be
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
        try:
            return any(text in message for message in self.json(_Errors).errors)
        except VaultError:
            return False

    def _is_an_error_of_vault(self) -> bool:
        try:
            self.json(_Errors)
        except VaultError:
            return False
        return True

    def failure(self) -> VaultError:
        """Return the error that this answer's status stands for (a 2xx that is not understood is ``bad_reply``)."""
        reason = _STATUS_REASONS.get(self.status) or (
            (Reason.HTTP_5XX if self._is_an_error_of_vault() else Reason.PROXY_ERROR)
            if self.status >= 500  # noqa: PLR2004 - HTTP's classes
            else Reason.HTTP_4XX
            if self.status >= 400  # noqa: PLR2004
            else Reason.REDIRECT
            if self.status >= 300  # noqa: PLR2004
            else Reason.BAD_REPLY
        )
        remedy = ": it expects TLS; write https:// in its address" if self.body.strip() == _EXPECTS_TLS else ""
        return VaultError(reason, f"{self.path}: HTTP {self.status}{remedy}")
