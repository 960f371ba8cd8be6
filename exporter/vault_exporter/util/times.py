"""Times that people see."""

from datetime import UTC, datetime
from typing import Final

__all__ = ["utc"]

_FIRST: Final = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST: Final = datetime.max.replace(microsecond=0, tzinfo=UTC).timestamp()


def utc(seconds: float) -> datetime:
    """Return a Unix time in UTC; the nearest one for a time outside the years 1 to 9999, which a log may hold."""
    return datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), UTC)
