"""The dates of a certificate, compared with what the library cryptography reads."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from vault_exporter.util.certificate_dates import validity

FIRST, LAST = datetime(1950, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def issued(not_before: datetime, not_after: datetime, names: int = 1, serial: int = 1) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a")] * names)
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), serial, not_before, not_after)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(Encoding.DER)


CERTIFICATE = issued(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2027, 1, 2, 3, 4, 5, tzinfo=UTC))


@pytest.mark.parametrize("year", [1950, 1999, 2000, 2049, 2050, 2099, 9999])  # both forms of a date, and their bounds
def test_years(year: int) -> None:
    dates = (datetime(1950, 1, 1, tzinfo=UTC), datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert validity(issued(*dates)) == dates


@given(
    begin=st.integers(int(FIRST.timestamp()), int(LAST.timestamp())),
    days=st.integers(0, 300_000),
    names=st.integers(1, 40),  # the issuer before the dates is longer than one byte of a length can say
    serial=st.integers(1, 2**150),
)
def test_any_certificate(begin: int, days: int, names: int, serial: int) -> None:
    start = datetime.fromtimestamp(begin, UTC)
    certificate = issued(start, start + timedelta(days=days), names, serial)
    expected = x509.load_der_x509_certificate(certificate)
    assert validity(certificate) == (expected.not_valid_before_utc, expected.not_valid_after_utc)


def test_a_certificate_of_version_1() -> None:
    """It has no version in it."""
    certificate = issued(datetime(2026, 1, 2, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC), names=20)
    sizes, version = (certificate[2:4], certificate[6:8]), b"\xa0\x03\x02\x01\x02"
    for size in sizes:
        certificate = certificate.replace(size, (int.from_bytes(size) - len(version)).to_bytes(2), 1)
    certificate = certificate.replace(version, b"", 1)
    assert x509.load_der_x509_certificate(certificate).version is x509.Version.v1
    assert validity(certificate) == (datetime(2026, 1, 2, tzinfo=UTC), datetime(2027, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("content", [b"", b"0", b"0\x00", b"0\x03", b"0\x85\xff", b"no certificate"])
def test_what_is_no_certificate(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        validity(content)


def test_a_part_of_a_certificate() -> None:
    with pytest.raises(ValueError, match="not a certificate"):
        validity(CERTIFICATE[:100])


@pytest.mark.parametrize(
    "date",
    [
        b"\x17\x0d261302030405Z",
        b"\x17\x0d26010203040 Z",
        b"\x17\x0d-60102030405Z",
        b"\x17\x0d2601020304050",
        b"\x17\x0d2601020304\xff5Z",
        b"\x18\x0d260102030405Z",
        b"\x13\x0d260102030405Z",
    ],
)
def test_what_is_no_date(date: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a date|month|invalid literal|decode"):
        validity(CERTIFICATE.replace(b"\x17\x0d260102030405Z", date))


@given(st.binary(max_size=64), st.integers(0, len(CERTIFICATE)))
def test_any_bytes_are_read_or_refused(noise: bytes, at: int) -> None:
    for content in (noise, CERTIFICATE[:at] + noise + CERTIFICATE[at + len(noise) :]):
        try:
            begin, end = validity(content)
        except ValueError:
            continue
        assert begin.tzinfo is end.tzinfo is UTC
