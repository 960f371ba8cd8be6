"""The HTTP endpoint for OpenBao's ``http`` audit device.

The audited request waits for the device, and the device waits for the response. So a client with the right token gets a
success at once, even if the entry is dropped or too long. The exporter counts such entries; they must not block
OpenBao.
"""

import asyncio
import hmac
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import structlog
from aiohttp import web

from vault_exporter.audit.inputs.line_buffer import LineBuffer
from vault_exporter.audit.inputs.sockets import UNFINISHED_SECONDS, Refusal, refusal_samples
from vault_exporter.audit.lines.splitter import OVERHEAD_BYTES
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.config.schema.inputs import HttpInput
from vault_exporter.metrics.family import Sample
from vault_exporter.util.fs import read_small

__all__ = ["PATH", "HttpEndpoint"]

PATH: Final = "/audit"
"""URL path of the endpoint."""

_PREFIX: Final = "Bearer "
_LOOK_AGAIN_SECONDS: Final = 1.0
_LARGEST_TOKEN_FILE: Final = 4096
_AT_ONCE_BYTES: Final = 8 << 10
"""Bytes split in one turn of the event loop, or inflated at once."""
_WINDOW: Final = {"identity": None, "gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
"""zlib's ``wbits`` for each ``Content-Encoding``."""

_log = structlog.get_logger(__name__)


class HttpEndpoint:
    """The endpoint as an input.

    Attributes:
        label: the value of the label ``log``.
        buffer: the received entries.
        up: whether the token file can be read. Without a token every request is refused.
        refused: number of refused requests by reason.
    """

    def __init__(
        self, settings: HttpInput, max_line_bytes: int, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.label = "http"
        self.buffer = LineBuffer(settings.max_waiting_bytes, max_line_bytes)
        self.up = False
        self.refused = {Refusal.UNAUTHORIZED: 0, Refusal.UNFINISHED: 0}
        self._clock = clock
        self._file = settings.token_file
        self._token = b""
        self._read_at: float | None = None
        self._error = ""

    async def start(self) -> None:
        """Read the token."""
        self._refresh()

    def poll(self) -> list[bytes] | None:
        """Return received entries; None if there are none."""
        self._refresh()
        return self.buffer.take()

    def samples(self) -> Iterator[Sample]:
        """Yield the counters of refused requests."""
        yield from refusal_samples(self.label, self.refused)

    async def close(self) -> None:
        """Do nothing: the input has no socket of its own."""
        self.up = False

    async def handle(self, request: web.Request) -> web.Response:
        """Receive one or more entries, one per line."""
        self._refresh()
        given = request.headers.get("Authorization", "")
        known = self._token
        if not known or not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), _PREFIX.encode() + known):
            self.refused[Refusal.UNAUTHORIZED] += 1
            return web.Response(status=401, text="The token is missing or wrong.\n")
        coding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in _WINDOW:
            return web.Response(status=415, text=f"Content-Encoding is one of {', '.join(_WINDOW)}.\n")
        try:
            async with asyncio.timeout(UNFINISHED_SECONDS):
                if request.get("expects_continue"):
                    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                await self._take(request, coding)
        except TimeoutError:
            self.refused[Refusal.UNFINISHED] += 1
            return web.Response(status=408, text="The entry did not end.\n")
        return web.Response(status=204)

    async def _take(self, request: web.Request, coding: str) -> None:
        """Read the body to its end, and buffer its entries within the limits."""
        buffer, parts, held, keep = self.buffer, [], 0, True
        try:
            async for part in request.content.iter_any():
                buffer.received_bytes += len(part)
                if not keep:
                    continue
                cost = len(part) + OVERHEAD_BYTES
                if held + cost > buffer.max_line_bytes:
                    buffer.rejected[Reject.TOO_LONG] += 1
                elif not buffer.reserve(cost):
                    buffer.dropped_lines += 1
                else:
                    held += cost
                    parts.append(part)
                    continue
                keep = False
                parts.clear()
        except BaseException:  # the connection broke, or the task was cancelled
            keep = False
            buffer.rejected[Reject.INCOMPLETE] += 1
            raise
        finally:
            buffer.release(held)
        if not keep:
            return
        body: bytes | None = b"".join(parts)
        if body and (window := _WINDOW[coding]) is not None:
            # In a thread and with a size limit: a megabyte can inflate to a gigabyte.
            body = await asyncio.to_thread(_inflated, body, window, buffer)
        if body is not None:
            await self._split(body)

    async def _split(self, body: bytes) -> None:
        """Buffer the lines of a body, and let others run meanwhile."""
        place = 0
        while place < len(body):
            end = body.find(b"\n", place + _AT_ONCE_BYTES)
            end = len(body) if end < 0 else end
            for line in filter(None, body[place:end].split(b"\n")):
                self.buffer.put(line)
            place = end + 1
            await asyncio.sleep(0)

    def _refresh(self) -> None:
        """Read the token file again, at most once a second."""
        now = self._clock()
        if self._read_at is not None and now - self._read_at < _LOOK_AGAIN_SECONDS:
            return
        self._read_at = now
        self._token, error = _read(self._file)
        self.up = not error
        if error != self._error:
            self._error = error
            if error:
                _log.warning("nobody can post audit entries", token_file=str(self._file), error=error)
            else:
                _log.info("audit entries can be posted", path=PATH)


def _inflated(body: bytes, window: int, buffer: LineBuffer) -> bytes | None:
    """Inflate a body; count it and return None if it is too long, damaged or truncated."""
    parts: list[bytes] = []
    left = buffer.max_line_bytes
    inflater = None
    # In pieces, because each member of gzip data makes zlib copy all that follows it.
    for start in range(0, len(body), _AT_ONCE_BYTES):
        piece = body[start : start + _AT_ONCE_BYTES]
        while piece:
            inflater = inflater or zlib.decompressobj(window)
            try:
                parts.append(inflater.decompress(piece, left + 1))
            except zlib.error:
                buffer.rejected[Reject.INCOMPLETE] += 1
                return None
            left -= len(parts[-1])
            if left < 0:
                buffer.rejected[Reject.TOO_LONG] += 1
                return None
            piece = inflater.unused_data
            if inflater.eof:
                inflater = None
    if inflater is not None:
        buffer.rejected[Reject.INCOMPLETE] += 1
        return None
    return b"".join(parts)


def _read(file: Path) -> tuple[bytes, str]:
    """Return the token and an empty text, or an error text."""
    try:
        token = read_small(file, _LARGEST_TOKEN_FILE).strip()
    except OSError as error:
        return b"", error.strerror or type(error).__name__
    if not token or not token.isascii() or b"\n" in token:
        return b"", "the file holds no token: one line of ASCII characters"
    return token, ""
