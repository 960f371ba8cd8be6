"""The command ``serve``."""

import os
from typing import Annotated, Final

import typer

from vault_exporter import serve as server
from vault_exporter.audit.tail.lock import LockedError
from vault_exporter.checks import ConfigError, load
from vault_exporter.cli.options import (
    AddressOption,
    AuditLogOption,
    CheckpointOption,
    ConfigOption,
    FromStartOption,
    LifecycleOption,
    ListenOption,
    NamespaceOption,
    TokenFileOption,
    WebConfigOption,
    fail,
    flags,
    load_config,
)
from vault_exporter.util import logging as logs

__all__ = ["serve"]

_IN_USE: Final = 2
"""Exit status if another exporter uses the checkpoint, so that a restart does not help."""


def serve(
    config: ConfigOption = None,
    listen: ListenOption = None,
    address: AddressOption = None,
    token_file: TokenFileOption = None,
    namespace: NamespaceOption = None,
    audit_log: AuditLogOption = None,
    *,
    web_config_file: WebConfigOption = None,
    web_enable_lifecycle: LifecycleOption = False,
    audit_from_start: FromStartOption = False,
    audit_checkpoint: CheckpointOption = None,
    log_format: Annotated[logs.LogFormat, typer.Option(help="Format of log lines.")] = logs.LogFormat.LOGFMT,
    log_level: Annotated[logs.LogLevel, typer.Option(help="Lowest level to log.")] = logs.LogLevel.INFO,
) -> None:
    """Serve metrics until SIGTERM or Ctrl-C."""
    given = flags(
        listen,
        address,
        token_file,
        namespace,
        audit_log,
        web_config_file=web_config_file,
        web_enable_lifecycle=web_enable_lifecycle,
        audit_from_start=audit_from_start,
        audit_checkpoint=audit_checkpoint,
    )
    settings = load_config(config, given)
    logs.configure(log_format, log_level)
    try:
        server.run(settings, lambda: load(config, given, os.environ))
    except (server.ListenError, ConfigError) as error:
        fail(str(error))
    except LockedError as error:
        fail(str(error), _IN_USE)
