"""Read from when until when a certificate is valid.

The library cryptography does this, too, but its import takes 9 MB, as much as a sixth of an exporter that scrapes one
node over TLS. Python's ssl decodes only certificates that it trusts, and those that it does not trust are of interest.
Nothing but the two dates is read here: OpenSSL checks the certificate and decodes its names.
"""

from datetime import UTC, datetime
from typing import Final

__all__ = ["validity"]

_UTC_TIME: Final = 0x17
_GENERALIZED_TIME: Final = 0x18
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_LONG: Final = 0x80
"""In the first byte of a length: the other bits are the number of bytes of the length, which follow."""
_FIRST_YEAR: Final = 1950
"""The two digits of a year in a UTCTime are of this year or one of the next 99 (RFC 5280, 4.1.2.5.1)."""


def validity(certificate: bytes) -> tuple[datetime, datetime]:
    """Return the first and the last moment at which a certificate (DER) is valid.

    Raises:
        ValueError: it cannot be read.
    """
    # Certificate and TBSCertificate are sequences. TBSCertificate has: version (optional), serialNumber, signature,
    # issuer, validity, ... (RFC 5280, 4.1).
    body = _inside(_inside(certificate, _SEQUENCE), _SEQUENCE)
    tag, _, rest = _first(body)
    for _ in range(3 if tag == _VERSION else 2):
        _, _, rest = _first(rest)
    dates = _inside(rest, _SEQUENCE)
    tag, before, rest = _first(dates)
    last_tag, after, _ = _first(rest)
    return _time(tag, before), _time(last_tag, after)


def _inside(data: bytes, expected: int) -> bytes:
    tag, content, _ = _first(data)
    if tag != expected:
        raise ValueError("not a certificate")
    return content


def _first(data: bytes) -> tuple[int, bytes, bytes]:
    """Return the tag and the content of the first element, and what follows the element."""
    if len(data) < 2:  # noqa: PLR2004 - a tag and a length
        raise ValueError("not a certificate")
    start, length = 2, data[1]
    if length >= _LONG:
        start += length - _LONG
        length = int.from_bytes(data[2:start])
    end = start + length
    if end > len(data):
        raise ValueError("not a certificate")
    return data[0], data[start:end], data[end:]


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = f"{_FIRST_YEAR // 100 + (int(text[:2]) < _FIRST_YEAR % 100)}{text}"
    elif tag != _GENERALIZED_TIME:
        raise ValueError("not a date")
    digits = text.removesuffix("Z")
    if len(digits) != len("YYYYmmddHHMMSS") or digits == text or not digits.isdecimal():
        raise ValueError("not a date")
    parts = (int(digits[start : start + 2]) for start in range(4, 14, 2))
    return datetime(int(digits[:4]), *parts, tzinfo=UTC)  # type: ignore[arg-type,misc] # five parts
