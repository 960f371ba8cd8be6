"""How long a page may take, and the page as an answer."""

import asyncio
import gzip
import math
import re
from functools import partial
from typing import Final

from aiohttp import web

from vault_exporter.metrics.exposition import EOF, Format
from vault_exporter.web.connections import UNREAD_SECONDS

__all__ = ["TIMEOUT_HEADER", "deadline", "exposition", "unread_seconds"]

TIMEOUT_HEADER: Final = "X-Prometheus-Scrape-Timeout-Seconds"

_MARGIN: Final = 0.5
"""Seconds of Prometheus' scrape timeout left for the way back."""
_LONGEST: Final = 120.0
"""No scrape takes longer, whatever a client asks for."""
_GZIP_FROM: Final = 1400
"""Smaller pages fit one packet as they are."""
_LARGE_BYTES: Final = 256 << 10
"""From there on a thread compresses, so that health checks and other scrapes are answered meanwhile."""


def deadline(header: str | None, default: float) -> float:
    """Return the seconds a scrape may take: Prometheus' timeout less half a second, else the target's own.

    A timeout of a second or less keeps half for the scrape. A header that is no positive number is ignored.
    """
    seconds = _timeout(header)
    return default if seconds is None else min(max(seconds - _MARGIN, seconds / 2), _LONGEST)


def unread_seconds(header: str | None) -> float:
    """Return the seconds in which a page must be received: Prometheus' timeout, after which it reads no more."""
    return min(_timeout(header) or UNREAD_SECONDS, _LONGEST)


async def exposition(request: web.Request, fmt: Format, body: bytes) -> web.Response:
    """Make the answer, compressed where the client takes it."""
    if fmt is Format.OPENMETRICS:
        body += EOF
    headers = {"Content-Type": fmt.value, "Vary": "Accept, Accept-Encoding"}
    if len(body) >= _GZIP_FROM and _takes_gzip(request.headers.get("Accept-Encoding", "")):
        headers["Content-Encoding"] = "gzip"
        squeeze = partial(gzip.compress, body, compresslevel=1)  # 3.5 times as fast as 9 for 7 % more bytes
        body = await asyncio.to_thread(squeeze) if len(body) >= _LARGE_BYTES else squeeze()
    return web.Response(body=body, headers=headers)


def _timeout(header: str | None) -> float | None:
    """Read a scrape's timeout in seconds; None for what is no positive number."""
    try:
        seconds = float(header or "")
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds > 0 else None


def _takes_gzip(accepted: str) -> bool:
    """Tell from ``Accept-Encoding`` whether the client wants gzip; ``q=0`` says that it does not."""
    for one in accepted.split(","):
        coding, _, weight = one.partition(";")
        if coding.strip().lower() == "gzip":
            return not re.fullmatch(r"q=0(\.0*)?", weight.strip())
    return False
