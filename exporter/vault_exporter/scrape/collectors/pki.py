"""PKI engines: how long issuers, CRLs and, as numbers, issued certificates are good for.

https://openbao.org/api-docs/secret/pki/
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec
from cryptography import x509

from vault_exporter.config.schema.watched import Pki
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, Keys, ask, ask_list
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client, VaultError

__all__ = ["bucket", "collector"]

_MOST_ISSUERS: Final = 50
"""Of an engine."""
_DAY: Final = 86_400
_BUCKETS: Final = (("expired", 0), ("1d", _DAY), ("7d", 7 * _DAY), ("30d", 30 * _DAY), ("90d", 90 * _DAY))
"""Label and upper bound of the seconds left."""
_LATER: Final = "later"


class _Issuer(msgspec.Struct, frozen=True):
    certificate: str
    issuer_id: str = ""
    issuer_name: str = ""


class _Crl(msgspec.Struct, frozen=True):
    crl: str


class _Certificate(msgspec.Struct, frozen=True):
    certificate: str


def collector(watched: Sequence[Pki]) -> Collector:
    """Make the collector for these engines."""
    readers = tuple(map(_Reader, watched))

    async def collect(client: Client) -> Iterable[Sample]:
        found = await asyncio.gather(*(reader.read(client) for reader in readers))
        return tuple(sample for part in found for sample in part)

    return Collector(
        "pki",
        "issuers, CRLs and certificates of PKI engines",
        collect,
        grants=tuple(grant for pki in watched for grant in _grants(pki)),
        interval=300,
    )


def bucket(seconds: float) -> str:
    """Return the label for a certificate with so many seconds left."""
    return next((label for label, most in _BUCKETS if seconds <= most), _LATER)


class _Reader:
    """Reads one engine. Kept between readings: when each certificate expires, since certificates do not change."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self._expiries: dict[str, float] = {}

    async def read(self, client: Client) -> Iterable[Sample]:
        mount = self._pki.mount
        listed = await ask_list(client, f"{mount}/issuers", Keys)
        ids = listed.keys[:_MOST_ISSUERS] if listed else ()
        issuers = await asyncio.gather(*(_issuer(client, mount, one) for one in ids))
        samples = [sample for issuer in issuers for sample in issuer]
        if self._pki.certificates:
            samples += await self._certificates(client)
        return samples

    async def _certificates(self, client: Client) -> Iterable[Sample]:
        mount, most = self._pki.mount, self._pki.max_certificates
        listed = await ask_list(client, f"{mount}/certs", Keys)
        serials = listed.keys if listed else ()
        kept = serials[:most]
        unread = [serial for serial in kept if serial not in self._expiries]
        read = await asyncio.gather(*(_expiry(client, mount, serial) for serial in unread))
        known = self._expiries | dict(zip(unread, read, strict=True))
        self._expiries = {serial: known[serial] for serial in kept}
        now = time.time()
        counted = Counter(bucket(expiry - now) for expiry in self._expiries.values())
        return (
            *(c.PKI_CERTIFICATES(counted[label], mount, label) for label in (*dict(_BUCKETS), _LATER)),
            c.PKI_SKIPPED(len(serials) - len(kept), mount),
        )


async def _issuer(client: Client, mount: str, issuer_id: str) -> Iterable[Sample]:
    issuer, crl = await asyncio.gather(
        ask(client, f"{mount}/issuer/{issuer_id}/json", _Issuer),
        ask(client, f"{mount}/issuer/{issuer_id}/crl", _Crl, max_bytes=LARGE_ANSWER_BYTES),
    )
    labels = (mount, (issuer.issuer_name if issuer else "") or issuer_id)
    return (*(_issuer_samples(issuer, labels) if issuer else ()), *(_crl_samples(crl, labels) if crl else ()))


def _issuer_samples(issuer: _Issuer, labels: tuple[str, str]) -> Iterator[Sample]:
    certificate = _read_certificate(issuer.certificate)
    yield c.PKI_ISSUER_NOT_AFTER(certificate.not_valid_after_utc.timestamp(), *labels)
    yield c.PKI_ISSUER_NOT_BEFORE(certificate.not_valid_before_utc.timestamp(), *labels)


def _crl_samples(found: _Crl, labels: tuple[str, str]) -> Iterator[Sample]:
    if not found.crl:  # not built, or disabled
        return
    try:
        crl = x509.load_pem_x509_crl(found.crl.encode())
    except ValueError:
        raise VaultError(Reason.BAD_REPLY, f"{labels[0]}/issuer: a CRL cannot be read") from None
    yield c.PKI_CRL_LAST_UPDATE(crl.last_update_utc.timestamp(), *labels)
    if crl.next_update_utc is not None:
        yield c.PKI_CRL_NEXT_UPDATE(crl.next_update_utc.timestamp(), *labels)
    yield c.PKI_CRL_REVOKED(len(crl), *labels)


async def _expiry(client: Client, mount: str, serial: str) -> float:
    found = await ask(client, f"{mount}/cert/{serial}", _Certificate)
    if found is None:  # tidied up meanwhile
        return 0.0
    return _read_certificate(found.certificate).not_valid_after_utc.timestamp()


def _read_certificate(text: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        raise VaultError(Reason.BAD_REPLY, "a certificate of the PKI engine cannot be read") from None


def _grants(pki: Pki) -> Iterator[Grant]:
    if pki.certificates:  # the rest is for anyone to read
        yield Grant(f"{pki.mount}/certs", ("list",))
