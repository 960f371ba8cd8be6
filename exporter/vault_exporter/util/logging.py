"""Structured logs on standard error, for our own messages and those of the libraries."""

import enum
import logging
import sys
from typing import Final

import structlog
from aiohttp import http_exceptions

__all__ = ["LogFormat", "LogLevel", "configure", "is_of_interest"]


class LogFormat(enum.StrEnum):
    """How a line looks."""

    LOGFMT = "logfmt"
    JSON = "json"


class LogLevel(enum.StrEnum):
    """Lowest level to log."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_SHARED: Final[tuple[structlog.typing.Processor, ...]] = (
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
    structlog.processors.format_exc_info,  # the plain traceback: never the values of variables
)

_HANDSHAKE: Final = "SSL handshake failed"
"""How asyncio's message begins."""


def is_of_interest(record: logging.LogRecord) -> bool:
    """Return whether to log a message of a library: not those that others can cause at will, with a traceback.

    They are aiohttp's about requests that are not HTTP, which any client can send and whose bytes it quotes, and
    asyncio's about certificates with text that is not UTF-8, which whoever connects reports.
    """
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, UnicodeDecodeError):
        return not record.getMessage().startswith(_HANDSHAKE)
    return not isinstance(error, http_exceptions.HttpProcessingError)


def configure(fmt: LogFormat, level: LogLevel) -> None:
    """Send all logging of this process to standard error."""
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if fmt is LogFormat.JSON
        else structlog.processors.LogfmtRenderer(key_order=("time", "level", "event"), bool_as_flag=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            foreign_pre_chain=_SHARED,
        )
    )
    for library in ("aiohttp.server", "asyncio"):
        logging.getLogger(library).addFilter(is_of_interest)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
    )
