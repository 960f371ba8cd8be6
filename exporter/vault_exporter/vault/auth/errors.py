"""Errors of logins, and the ``reason`` label of each."""

import enum

from vault_exporter.metrics.reasons import NO_ANSWER, Reason

__all__ = ["LoginError", "LoginFailure"]


class LoginFailure(enum.StrEnum):
    """Why a login or renewal failed: the value of the ``reason`` label."""

    NO_CREDENTIALS = "no_credentials"
    """A credential is missing, or its file is empty or cannot be read."""
    DENIED = "denied"
    """Vault refused: wrong credentials, role or mount, or a revoked or expired token."""
    NUM_USES = "num_uses"
    """The token has a limited number of uses, which scrapes would exhaust; it is not used."""
    SEALED = "sealed"
    """The node is sealed or not initialized."""
    SECONDARY = "secondary"
    """The node belongs to a disaster recovery secondary, which accepts no tokens."""
    UNAVAILABLE = "unavailable"
    """The node gave no usable response: network, TLS, HTTP 5xx, 429 or a redirect."""
    BAD_REPLY = "bad_reply"
    """The response is not that of a login."""


class LoginError(Exception):
    """A login or renewal failed. ``str()`` is safe to log, and says what to do."""

    def __init__(
        self, failure: LoginFailure, message: str, reason: Reason = Reason.LOGIN_FAILED, *, by_policy: bool = False
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.reason = reason
        """The reason that collectors report if they need the token."""
        self.by_policy = by_policy
        """Whether the token is valid and only its policies refuse the call."""

    @property
    def is_unanswered(self) -> bool:
        """Whether the node did not answer at all. The scrape logs that the node is down, so a login need not."""
        return self.reason in NO_ANSWER
