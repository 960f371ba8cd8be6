"""The exporter's own login to a target."""

from typing import Final

from vault_exporter.metrics.catalogue.declare import Source
from vault_exporter.metrics.catalogue.declare import counter as _counter
from vault_exporter.metrics.catalogue.declare import gauge as _gauge

LOGIN: Final = Source("the exporter's login to a target", "auth")

AUTH_INFO = _gauge("vault_exporter_auth_info", LOGIN, "Always 1; how the exporter logs in to the target.", "method")
TOKEN_VALID = _gauge(
    "vault_exporter_token_valid",
    LOGIN,
    "1 if the exporter has a token that Vault accepted when last asked about it. Present with a login, except on "
    "disaster recovery secondaries, which know nothing of tokens.",
)
TOKEN_EXPIRY = _gauge(
    "vault_exporter_token_expiry_timestamp_seconds",
    LOGIN,
    "When the exporter's token expires, by the exporter's clock. Absent for one that never does.",
)
TOKEN_RENEWABLE = _gauge("vault_exporter_token_renewable", LOGIN, "1 if Vault lets the exporter's token be renewed.")
TOKEN_RENEWALS = _counter(
    "vault_exporter_token_renewals_total", LOGIN, "Renewals of the exporter's token that were tried."
)
TOKEN_RENEWAL_FAILURES = _counter(
    "vault_exporter_token_renewal_failures_total",
    LOGIN,
    "Renewals of the exporter's token that failed; every reason is there from the start.",
    "reason",
)
LOGINS = _counter(
    "vault_exporter_logins_total",
    LOGIN,
    "Logins that were tried. With method token: times that a token was taken into use.",
)
LOGIN_FAILURES = _counter(
    "vault_exporter_login_failures_total",
    LOGIN,
    "Logins that failed; every reason is there from the start.",
    "reason",
)
