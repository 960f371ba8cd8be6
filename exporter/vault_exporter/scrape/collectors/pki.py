"""PKI engines: expiry of issuers and CRLs, and numbers of issued certificates by remaining lifetime.

https://openbao.org/api-docs/secret/pki/
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from vault_exporter.config.schema.watched import Pki
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Sample
from vault_exporter.metrics.reasons import Reason
from vault_exporter.scrape.collectors.ask import LARGE_ANSWER_BYTES, Keys, ask, ask_list
from vault_exporter.scrape.collectors.collector import Collector, Grant
from vault_exporter.vault.client import Client, VaultError

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["bucket", "collector"]

_MOST_ISSUERS: Final = 50
"""Limit of issuers of an engine."""
_DAY: Final = 86_400
_BUCKETS: Final = (("expired", 0), ("1d", _DAY), ("7d", 7 * _DAY), ("30d", 30 * _DAY), ("90d", 90 * _DAY))
"""Label values, each with the upper bound of the remaining seconds."""
_LATER: Final = "later"


class _Issuer(msgspec.Struct, frozen=True):
    certificate: str
    issuer_id: str = ""
    issuer_name: str = ""


class _Crl(msgspec.Struct, frozen=True):
    crl: str


class _Certificate(msgspec.Struct, frozen=True):
    certificate: str
    revocation_time: float = 0


class _Known(NamedTuple):
    """Cached data of a certificate."""

    expiry: float
    """Unix time in seconds; 0 if it no longer exists."""
    start: float = 0
    """Start of validity, Unix time in seconds."""
    names: frozenset[str] = frozenset()
    """Its watched names."""
    revoked: bool = False


def collector(watched: Sequence[Pki]) -> Collector:
    """Build the collector for these engines."""
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
    """Return the label value for a certificate's remaining seconds."""
    return next((label for label, most in _BUCKETS if seconds <= most), _LATER)


class _Reader:
    """Reads one engine. Kept between scrapes: data of each certificate, since certificates do not change."""

    def __init__(self, pki: Pki) -> None:
        self._pki = pki
        self._names = frozenset(pki.names)
        self._known: dict[str, _Known] = {}

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
        listed, revoked = await asyncio.gather(
            ask_list(client, f"{mount}/certs", Keys),
            ask_list(client, f"{mount}/certs/revoked", Keys),  # Vault before 1.13 has no such list
        )
        no_more = frozenset(map(_canonical, revoked.keys)) if revoked else frozenset()
        serials = [serial for serial in (listed.keys if listed else ()) if _canonical(serial) not in no_more]
        kept = serials[:most]
        unread = [serial for serial in kept if serial not in self._known]
        read = await asyncio.gather(*(self._read_certificate(client, serial) for serial in unread))
        known = self._known | dict(zip(unread, read, strict=True))
        self._known = {serial: known[serial] for serial in kept}
        good = [one for one in self._known.values() if not one.revoked]
        now = time.time()
        counted = Counter(bucket(one.expiry - now) for one in good)
        last = _last(good)
        return (
            *(c.PKI_CERTIFICATES(counted[label], mount, label) for label in (*dict(_BUCKETS), _LATER)),
            c.PKI_SKIPPED(len(serials) - len(kept), mount),
            *(c.PKI_NAMED_NOT_AFTER(one.expiry, mount, name) for name, one in last),
            *(c.PKI_NAMED_NOT_BEFORE(one.start, mount, name) for name, one in last),
        )

    async def _read_certificate(self, client: Client, serial: str) -> _Known:
        found = await ask(client, f"{self._pki.mount}/cert/{serial}", _Certificate)
        if found is None:  # removed by tidy meanwhile
            return _Known(0.0)
        certificate = _parse(found.certificate)
        names = frozenset(_names(certificate)) & self._names if self._names else frozenset()
        start, end = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
        return _Known(end, start, names, bool(found.revocation_time))


def _canonical(serial: str) -> str:
    """Normalise a serial number, which Vault lists with hyphens or colons."""
    return serial.replace(":", "-").lower()


def _last(known: Iterable[_Known]) -> list[tuple[str, _Known]]:
    """Return the certificate that expires last for each name."""
    last: dict[str, _Known] = {}
    for one in known:
        for name in one.names:
            if name not in last or one.expiry > last[name].expiry:
                last[name] = one
    return sorted(last.items(), key=lambda item: item[0])


def _names(certificate: "x509.Certificate") -> Iterator[str]:
    """Yield the common name and the DNS names. Names that cannot be parsed are ignored."""
    from cryptography import x509  # noqa: PLC0415 - see _parse
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 - likewise

    with contextlib.suppress(ValueError, x509.DuplicateExtension):
        for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            yield str(attribute.value)
    with contextlib.suppress(ValueError, x509.DuplicateExtension, x509.ExtensionNotFound):
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        yield from names.get_values_for_type(x509.DNSName)


async def _issuer(client: Client, mount: str, issuer_id: str) -> Iterable[Sample]:
    issuer, crl = await asyncio.gather(
        ask(client, f"{mount}/issuer/{issuer_id}/json", _Issuer),
        ask(client, f"{mount}/issuer/{issuer_id}/crl", _Crl, max_bytes=LARGE_ANSWER_BYTES),
    )
    labels = (mount, (issuer.issuer_name if issuer else "") or issuer_id)
    return (*(_issuer_samples(issuer, labels) if issuer else ()), *(_crl_samples(crl, labels) if crl else ()))


def _issuer_samples(issuer: _Issuer, labels: tuple[str, str]) -> Iterator[Sample]:
    certificate = _parse(issuer.certificate)
    yield c.PKI_ISSUER_NOT_AFTER(certificate.not_valid_after_utc.timestamp(), *labels)
    yield c.PKI_ISSUER_NOT_BEFORE(certificate.not_valid_before_utc.timestamp(), *labels)


def _crl_samples(found: _Crl, labels: tuple[str, str]) -> Iterator[Sample]:
    if not found.crl:  # not built, or disabled
        return
    from cryptography import x509  # noqa: PLC0415 - see _parse

    try:
        crl = x509.load_pem_x509_crl(found.crl.encode())
    except ValueError:
        raise VaultError(Reason.BAD_REPLY, f"{labels[0]}/issuer: a CRL cannot be read") from None
    yield c.PKI_CRL_LAST_UPDATE(crl.last_update_utc.timestamp(), *labels)
    if crl.next_update_utc is not None:
        yield c.PKI_CRL_NEXT_UPDATE(crl.next_update_utc.timestamp(), *labels)
    yield c.PKI_CRL_REVOKED(len(crl), *labels)


def _parse(text: str) -> "x509.Certificate":
    from cryptography import x509  # noqa: PLC0415 - a tenth of the memory, which takes an engine to be watched

    try:
        return x509.load_pem_x509_certificate(text.encode())
    except ValueError:
        raise VaultError(Reason.BAD_REPLY, "a certificate of the PKI engine cannot be read") from None


def _grants(pki: Pki) -> Iterator[Grant]:
    if pki.certificates:  # the other endpoints need no token
        yield Grant(f"{pki.mount}/certs", ("list",))
        yield Grant(f"{pki.mount}/certs/revoked", ("list",))
