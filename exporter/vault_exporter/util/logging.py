"""Structured logs on standard error, for our own messages and those of the libraries."""

import enum
import logging
import sys
from typing import Final

import structlog
from aiohttp import http_exceptions

__all__ = ["LogFormat", "LogLevel", "configure"]


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


def _is_no_bad_request(record: logging.LogRecord) -> bool:
    """Drop aiohttp's messages about requests that are not HTTP: any client can cause them, and they quote its bytes."""
    error = record.exc_info[1] if record.exc_info else None
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
    logging.getLogger("aiohttp.server").addFilter(_is_no_bad_request)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level.upper()),
    )
