"""The certificate that the node's listener shows, from the TLS connections of the scrape; no request is made for it."""

from collections.abc import Iterable, Iterator

from cryptography import x509

from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import Client, VaultError

__all__ = ["collect", "samples"]


async def collect(client: Client) -> Iterable[Sample]:
    """Look at the certificate that the node showed last, also one that is not trusted; without TLS there is none."""
    certificate = await client.certificate()
    return () if certificate is None else samples(certificate)


def samples(certificate: bytes) -> Iterator[Sample]:
    """Turn a certificate (DER) into samples.

    Raises:
        VaultError: ``bad_reply``; it cannot be read.
    """
    try:
        found = x509.load_der_x509_certificate(certificate)
    except ValueError as error:
        raise VaultError(Reason.BAD_REPLY, "the listener's certificate cannot be read") from error
    yield c.LISTENER_NOT_AFTER(found.not_valid_after_utc.timestamp())
    yield c.LISTENER_NOT_BEFORE(found.not_valid_before_utc.timestamp())
