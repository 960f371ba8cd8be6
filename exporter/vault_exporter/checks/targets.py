"""Checks of ``targets``, ``discovery`` and ``tls`` beyond the types of their keys."""

from typing import Final

from vault_exporter.checks.collectors import check_token
from vault_exporter.config.parse import values
from vault_exporter.config.parse.addresses import UNIX
from vault_exporter.config.parse.reader import Checks
from vault_exporter.config.schema import logins, model
from vault_exporter.vault.tls import TlsError, tls_context

__all__ = ["check_target", "check_tls"]

_LONGEST_TIMEOUT: Final = 120.0
_OWN_LABELS: Final = ("instance", "cluster", "job")
"""Labels with keys of their own, or set by Prometheus."""


def check_target(target: model.Target | model.Discovery) -> Checks:
    """Yield wrong keys, each with a message."""
    if target.timeout > _LONGEST_TIMEOUT:
        yield "timeout", f"longer than {_LONGEST_TIMEOUT:g}s; a scrape must end before the next"
    yield from check_token(target)
    if isinstance(target.auth, logins.CertAuth) and target.tls.client_cert is None:
        yield "auth", "method cert identifies with tls.client_cert; give that and tls.client_key"
    if target.proxy is not None and isinstance(target, model.Target) and target.address.startswith(UNIX):
        yield "proxy", "has no effect, since the address is unix://; leave it out"
    for label in target.labels:
        if not values.is_label(label) or label in _OWN_LABELS:
            yield "labels", f"{label} cannot be given; use letters, digits and _, and none of {', '.join(_OWN_LABELS)}"


def check_tls(tls: model.Tls) -> Checks:
    """Yield the wrong key if the settings make no TLS context."""
    try:
        tls_context(tls)
    except TlsError as error:
        yield error.key, str(error)
