"""The exporter's own login to a target."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import counter as _counter
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

LOGIN: Final = Source("the exporter's login to a target", "auth")

AUTH_INFO = _gauge("vault_exporter_auth_info", LOGIN, "Always 1; the auth method of the target.", "method")
TOKEN_VALID = _gauge(
    "vault_exporter_token_valid",
    LOGIN,
    "1 if the exporter has a token that Vault accepted at the last check. Always present with a login.",
)
TOKEN_EXPIRY = _gauge(
    "vault_exporter_token_expiry_timestamp_seconds",
    LOGIN,
    "Expiry time of the exporter's token, by the exporter's clock. Absent if the token never expires.",
)
TOKEN_RENEWABLE = _gauge("vault_exporter_token_renewable", LOGIN, "1 if the exporter's token can be renewed.")
TOKEN_RENEWALS = _counter("vault_exporter_token_renewals_total", LOGIN, "Attempts to renew the exporter's token.")
TOKEN_RENEWAL_FAILURES = _counter(
    "vault_exporter_token_renewal_failures_total",
    LOGIN,
    "Failed attempts to renew the exporter's token, by reason. Every reason starts at 0.",
    "reason",
)
LOGINS = _counter(
    "vault_exporter_logins_total",
    LOGIN,
    "Attempts to log in. With method token: number of times that the exporter started to use a token.",
)
LOGIN_FAILURES = _counter(
    "vault_exporter_login_failures_total",
    LOGIN,
    "Failed attempts to log in, by reason. Every reason starts at 0.",
    "reason",
)
