"""Go's formats of durations and times, which Vault's responses use."""

import re
from datetime import datetime
from typing import Annotated, Final

import msgspec

from vault_exporter.metrics.reasons import Reason
from vault_exporter.vault.client import VaultError

__all__ = ["Time", "moment", "seconds", "timestamp"]

Time = Annotated[datetime, msgspec.Meta(tz=True)]
"""A time in a response; Go writes the zone."""

_UNITS: Final = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART: Final = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_LONGEST: Final = 64
"""Limit of a duration's length in characters. The expression takes quadratic time on long texts."""
_ZERO_TIME_YEAR: Final = 1  # year of Go's zero time, which Vault sends for "never"


def seconds(text: float | str) -> float:
    """Return a duration such as ``1m0.5s``, or a number of seconds, in seconds.

    Raises:
        VaultError: ``bad_reply``; the text is not valid.
    """
    if not isinstance(text, str):
        return float(text)
    digits = text.removeprefix("-")
    if len(text) > _LONGEST:
        raise VaultError(Reason.BAD_REPLY, "a duration is too long")
    if digits.isascii() and digits.isdigit():
        return float(text)
    parts = _PART.findall(digits)
    if not parts or "".join(number + unit for number, unit in parts) != digits:
        raise VaultError(Reason.BAD_REPLY, "a duration is not written as Go writes them")
    total = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return -total if text.startswith("-") else total


def moment(text: str) -> float | None:
    """Convert a time to Unix time in seconds; None if the text is empty.

    Raises:
        VaultError: ``bad_reply``; the text is not valid.
    """
    try:
        return timestamp(msgspec.convert(text, Time)) if text else None
    except msgspec.ValidationError:
        raise VaultError(Reason.BAD_REPLY, "a time is not written as Go writes them") from None


def timestamp(time: datetime | None) -> float | None:
    """Convert a time to Unix time in seconds; None for Go's zero time."""
    return time.timestamp() if time is not None and time.year > _ZERO_TIME_YEAR else None
