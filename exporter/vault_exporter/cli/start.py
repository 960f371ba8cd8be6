"""What ``serve`` does, and its usual options without typer.

Typer and what it checks options with take a fifth of a start and of the memory, and are of no use afterwards. So they
are left to whoever asks for help or gives what is not understood here.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Never

import msgspec

from vault_exporter import serve as server
from vault_exporter.audit.tail.lock import LockedError
from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.cli.exit_status import FAILED, IN_USE, WRONG_USAGE
from vault_exporter.cli.names import flags_of, variables_of
from vault_exporter.util import logging as logs
from vault_exporter.util.logging import LogFormat, LogLevel
from vault_exporter.util.terminal import print_error

__all__ = ["read", "start"]

_VALUES: Final = flags_of()
_SWITCHES: Final = flags_of(switch=True)
_FILES: Final = ("config", "web_config_file", "token_file", "audit_checkpoint")
"""Options whose file typer refuses if it cannot be read."""

Options = tuple[Path | None, Flags, LogFormat, LogLevel]


def read(arguments: Sequence[str]) -> Options | None:
    """Read the options and the environment; None for help and for what only the command itself can answer."""
    found = {name: value for name, variable in variables_of().items() if (value := os.environ.get(variable))}
    logs_given: list[str] = []
    switched: set[str] = set()
    left = iter(arguments)
    for argument in left:
        if argument in _SWITCHES:
            switched.add(_SWITCHES[argument])
            continue
        flag, equals, value = argument.partition("=")
        name = _VALUES.get(flag)
        given = value if equals and flag.startswith("--") else next(left, "")
        if name is None or (equals and not flag.startswith("--")) or not given or given[0] == "-" != given:
            return None
        if name == "audit_log":
            logs_given.append(str(Path(given)))
        else:
            found[name] = given
    paths = {name: Path(found.pop(name)) for name in _FILES if name in found}
    log_format, log_level = found.pop("log_format", LogFormat.LOGFMT), found.pop("log_level", LogLevel.INFO)
    if log_format not in set(LogFormat) or log_level not in set(LogLevel) or not all(map(_may_be_read, paths.values())):
        return None
    config = paths.pop("config", None)
    files: dict[str, object] = {name: str(path) for name, path in paths.items()}
    of_flags: dict[str, object] = {**found, **files, **dict.fromkeys(switched, True), "audit_logs": tuple(logs_given)}
    return config, msgspec.convert(of_flags, Flags), LogFormat(log_format), LogLevel(log_level)


def start(config: Path | None, given: Flags, log_format: LogFormat, log_level: LogLevel) -> None:
    """Serve until SIGTERM or Ctrl-C; exits if that is not possible."""
    try:
        settings = load(config, given, os.environ)
    except ConfigError as error:
        _fail(error, WRONG_USAGE)
    logs.configure(log_format, log_level)
    try:
        server.run(settings, lambda: load(config, given, os.environ))
    except (server.ListenError, ConfigError) as error:
        _fail(error, FAILED)
    except LockedError as error:
        _fail(error, IN_USE)


def _may_be_read(path: Path) -> bool:
    return os.access(path, os.R_OK) or not path.exists()


def _fail(error: Exception, status: int) -> Never:
    print_error(str(error))
    sys.exit(status)
