"""The command ``serve``."""

import os
from typing import Annotated, Final

import typer

from vault_exporter import serve as server
from vault_exporter.audit.tail.lock import LockedError
from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.cli.options import ConfigOption, fail, load_config, with_flags
from vault_exporter.util import logging as logs

__all__ = ["serve"]

_IN_USE: Final = 2
"""Exit status if another exporter uses the checkpoint, so that a restart does not help."""


@with_flags
def serve(
    config: ConfigOption = None,
    *,
    given: Flags,
    log_format: Annotated[logs.LogFormat, typer.Option(help="Format of log lines.")] = logs.LogFormat.LOGFMT,
    log_level: Annotated[logs.LogLevel, typer.Option(help="Lowest level to log.")] = logs.LogLevel.INFO,
) -> None:
    """Serve metrics until SIGTERM or Ctrl-C."""
    settings = load_config(config, given)
    logs.configure(log_format, log_level)
    try:
        server.run(settings, lambda: load(config, given, os.environ))
    except (server.ListenError, ConfigError) as error:
        fail(str(error))
    except LockedError as error:
        fail(str(error), _IN_USE)
