"""The command ``serve``."""

from typing import Annotated

from vault_exporter.checks import Flags
from vault_exporter.cli.options import ConfigOption, named, with_flags
from vault_exporter.cli.start import start
from vault_exporter.util.logging import LogFormat, LogLevel

__all__ = ["serve"]


@with_flags
def serve(
    config: ConfigOption = None,
    *,
    given: Flags,
    log_format: Annotated[LogFormat, named("log_format", help="Format of log lines.")] = LogFormat.LOGFMT,
    log_level: Annotated[LogLevel, named("log_level", help="Lowest level to log.")] = LogLevel.INFO,
) -> None:
    """Serve metrics until SIGTERM or Ctrl-C."""
    start(config, given, log_format, log_level)
