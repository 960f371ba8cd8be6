"""Why a login gives no token."""

import enum

from vault_exporter.metrics.reasons import Reason

__all__ = ["LoginError", "LoginFailure"]


class LoginFailure(enum.StrEnum):
    """Why there is no token: the value of the ``reason`` label of logins and renewals."""

    NO_CREDENTIALS = "no_credentials"
    """What to log in with is missing: a file that cannot be read, or is empty."""
    DENIED = "denied"
    """Vault refused: wrong credentials, role or mount, a revoked or expired token."""
    NUM_USES = "num_uses"
    """The token is limited in its uses, so every call would use it up; it is not used."""
    SEALED = "sealed"
    """The node is sealed or not initialized."""
    SECONDARY = "secondary"
    """The node is one of a disaster recovery secondary, which knows nothing of tokens."""
    UNAVAILABLE = "unavailable"
    """The node did not answer, or could not: network, TLS, HTTP 5xx, 429 or a redirect."""
    BAD_REPLY = "bad_reply"
    """Vault's answer is not what a login answers."""


class LoginError(Exception):
    """There is no token. ``str()`` is safe to log, and says what to do."""

    def __init__(
        self, failure: LoginFailure, message: str, reason: Reason = Reason.LOGIN_FAILED, *, by_policy: bool = False
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.reason = reason
        """What the collectors that need the token say."""
        self.by_policy = by_policy
        """Whether the token is good, and only may not do this."""
