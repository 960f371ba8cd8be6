"""The deadline of a scrape, and the response with the page."""

import asyncio
import math
import re
from typing import Final

from aiohttp import web

from vault_exporter.metrics.exposition import EOF, Format
from vault_exporter.util import gzip
from vault_exporter.web.connections import UNREAD_SECONDS

__all__ = ["TIMEOUT_HEADER", "deadline", "exposition", "unread_seconds"]

TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"

_MARGIN: Final = 0.5
"""Seconds of Prometheus' scrape timeout reserved for the transfer."""
_LONGEST: Final = 120.0
"""Upper limit of a scrape, whatever the client requests."""
_GZIP_FROM: Final = 1400
"""Smaller pages fit into one packet uncompressed."""
_LARGE_BYTES: Final = 256 << 10
"""Larger pages are compressed in a thread, so that the event loop stays responsive."""


def deadline(header: str | None, default: float) -> float:
    """Return the seconds a scrape may take: Prometheus' timeout less half a second, else the target's own.

    A timeout of a second or less keeps half for the scrape. A header that is no positive number is ignored.
    """
    seconds = _timeout(header)
    return default if seconds is None else min(max(seconds - _MARGIN, seconds / 2), _LONGEST)


def unread_seconds(header: str | None) -> float:
    """Return the seconds within which Prometheus must receive the page: its scrape timeout, or a default."""
    return min(_timeout(header) or UNREAD_SECONDS, _LONGEST)


async def exposition(request: web.Request, fmt: Format, body: bytes) -> web.Response:
    """Build the response, compressed if the client accepts gzip."""
    if fmt is Format.OPENMETRICS:
        body += EOF
    headers = {"Content-Type": fmt.value, "Vary": "Accept, Accept-Encoding"}
    if len(body) >= _GZIP_FROM and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        headers["Content-Encoding"] = "gzip"
        body = await asyncio.to_thread(gzip.compress, body) if len(body) >= _LARGE_BYTES else gzip.compress(body)
    return web.Response(body=body, headers=headers)


def _timeout(header: str | None) -> float | None:
    """Read a scrape's timeout in seconds; None if it is not a positive number."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _takes_gzip(accepted: str) -> bool:
    """Return whether ``Accept-Encoding`` accepts gzip; ``q=0`` refuses it."""
    for one in accepted.split(","):
        coding, _, weight = one.partition(";")
        if coding.strip().lower() == "gzip":
            return not re.fullmatch(r"q=0(\.0*)?", weight.strip())
    return False
