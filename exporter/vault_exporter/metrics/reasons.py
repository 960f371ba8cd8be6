"""The bounded set of reasons for which a call to Vault fails."""

import enum
from typing import Final

__all__ = ["NO_ANSWER", "Reason"]


class Reason(enum.StrEnum):
    """Why Vault gave no usable answer: the value of every ``reason`` label.

    The set is closed, so a rule or a dashboard can list it. A new kind of failure is ``other`` until it has a name.
    """

    REFUSED = "refused"
    """Nothing listens at the address."""
    UNREACHABLE = "unreachable"
    """No route to the host or network."""
    DNS = "dns"
    """The host name does not resolve."""
    TLS = "tls"
    """The TLS handshake failed: certificate not trusted, wrong name, expired, or no TLS spoken."""
    TIMEOUT = "timeout"
    """No complete answer before the deadline of the scrape."""
    RESET = "reset"
    """The connection was closed or reset before the answer was complete."""
    TOO_LARGE = "too_large"
    """The answer is larger than the limit."""
    BAD_REPLY = "bad_reply"
    """Not HTTP, or not what this endpoint of Vault answers."""
    REDIRECT = "redirect"
    """HTTP 3xx; redirects are never followed, since they describe another node."""
    PERMISSION_DENIED = "permission_denied"
    """HTTP 401 or 403: no token, a bad token, or a policy that lacks the path."""
    NOT_FOUND = "not_found"
    """HTTP 404: this product or version has no such endpoint."""
    RATE_LIMITED = "rate_limited"
    """HTTP 429 from an endpoint other than sys/health: a rate-limit quota."""
    HTTP_4XX = "http_4xx"
    """Any other HTTP 4xx."""
    HTTP_5XX = "http_5xx"
    """HTTP 5xx with an error of Vault's own; from sys/health or sys/leader, Vault's storage is out of reach."""
    PROXY_ERROR = "proxy_error"
    """HTTP 5xx whose body is not an error of Vault's: a proxy or load balancer answers in Vault's place."""
    LOGIN_FAILED = "login_failed"
    """The exporter has no token, since its login was refused; the log says why."""
    OTHER = "other"
    """None of the above; the log has the error's class."""


NO_ANSWER: Final = frozenset({Reason.REFUSED, Reason.UNREACHABLE, Reason.DNS, Reason.TLS, Reason.TIMEOUT, Reason.RESET})
"""The node did not answer at all, not even with an error."""
