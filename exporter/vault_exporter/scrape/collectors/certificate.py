"""The certificate of the node's listener, from the TLS connections of the scrape. It needs no request."""

from collections.abc import Iterator
from typing import Final

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.collector import Collector, Reading, Scope
from vault_exporter.scrape.node_state import Certificate
from vault_exporter.util.certificate_dates import validity
from vault_exporter.vault.client import Client, VaultError

__all__ = ["CERTIFICATE", "collect", "parse", "samples"]


async def collect(client: Client) -> Reading:
    """Read the node's last certificate, even if it is not trusted. Without TLS there is none."""
    shown = await client.certificate()
    if shown is None:
        return Reading()
    certificate = parse(shown)
    return Reading(tuple(samples(certificate)), said=certificate)


def parse(certificate: bytes) -> Certificate:
    """Parse a certificate (DER).

    Raises:
        VaultError: ``bad_reply``; it cannot be parsed.
    """
    try:
        not_before, not_after = validity(certificate)
    except ValueError as error:
        raise VaultError(Reason.BAD_REPLY, "the listener's certificate cannot be read") from error
    return Certificate(not_before.timestamp(), not_after.timestamp())


def samples(certificate: Certificate) -> Iterator[Sample]:
    """Turn the certificate into samples."""
    yield c.LISTENER_NOT_AFTER(certificate.not_after)
    yield c.LISTENER_NOT_BEFORE(certificate.not_before)


CERTIFICATE: Final = Collector("certificate", "the certificate of the listener", collect, scope=Scope.EVERY)
