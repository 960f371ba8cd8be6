"""Files that the settings name and that are not there, or cannot be read, when the settings are checked.

They do not stop the exporter, because they may come later: it reads them again. What stops the start is an error of
:func:`vault_exporter.checks.load`.
"""

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vault_exporter.audit.tail.matching import is_pattern, matching
from vault_exporter.config.schema.inputs import HttpInput
from vault_exporter.config.schema.logins import credential_files
from vault_exporter.config.schema.model import Config, FileDiscovery
from vault_exporter.util.fs import open_at_once, read_small, reading_failed

__all__ = ["empty_credentials", "log_errors", "missing_files", "unread_logs"]

_ABSENT: Final = "there is no such file"
_EMPTY: Final = "the file is empty"
_LARGEST_CREDENTIAL: Final = 64 << 10


def missing_files(config: Config) -> Iterator[str]:
    """Yield a warning for each missing file, with what it is for and the remedy."""
    yield from _credentials(config, _ABSENT)
    for source in config.discovery:
        if isinstance(source, FileDiscovery) and not _matches(source.path):
            yield f"{source.path}: {_ABSENT}; it is looked for again. Until then, {source} finds no targets."
    for backup in config.backup:
        if not _matches(backup.files):
            yield f"{backup.files}: {_ABSENT}; it is looked for again. Until then, backup {backup.name} has no time."


def empty_credentials(config: Config) -> Iterator[str]:
    """Yield an error for each file of a credential that is empty, with what it is for and the remedy."""
    yield from _credentials(config, _EMPTY)


def _credentials(config: Config, lack: str) -> Iterator[str]:
    """Yield a sentence for each file of a credential with this lack."""
    credentials: dict[Path, list[str]] = {}
    for target in config.targets:
        for file in credential_files(target.auth):
            credentials.setdefault(file, []).append(target.name)
    for source in config.discovery:
        for file in credential_files(source.auth):
            credentials.setdefault(file, []).append(str(source))
    for file, users in credentials.items():
        if _lack(file) == lack:
            yield f"{file}: {lack}; write the credential into it. Until then, no login for {', '.join(users)}."
    for given in config.audit.inputs:
        if isinstance(given, HttpInput) and _lack(given.token_file) == lack:
            yield f"{given.token_file}: {lack}; write the token into it. Until then, the input http accepts nothing."


def _lack(file: Path) -> str:
    """Return what a credential's file lacks; empty if it has content, or cannot be read."""
    try:
        return "" if read_small(file, _LARGEST_CREDENTIAL).strip() else _EMPTY
    except FileNotFoundError:
        return _ABSENT
    except OSError:
        return ""


def unread_logs(config: Config) -> Iterator[str]:
    """Yield a warning for each audit log that cannot be read, with the remedy."""
    for log, error in log_errors(config):
        if error:
            yield f"audit log {log}: {error}"


def log_errors(config: Config) -> Iterator[tuple[Path, str]]:
    """Yield each audit log with the error of reading it and the remedy; empty if it is readable."""
    for listed in config.audit.logs:
        try:
            found = sorted(map(Path, matching(listed)))
        except OSError as error:
            yield listed, _remedy(error)
            continue
        yield from ((log, _read_error(log)) for log in found)
        if not found and is_pattern(listed):
            yield listed, "no file matches; the exporter waits for one"


def _read_error(log: Path) -> str:
    try:
        os.close(open_at_once(log))
    except OSError as error:
        return _remedy(error)
    return ""


def _remedy(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{_ABSENT}; the exporter waits for it. Is Vault's audit device enabled with this path?"
    return f"{reading_failed(error)}; the exporter waits for it. Run serve as a user that may read it, such as Vault's."


def _matches(pattern: Path) -> bool:
    return any(True for _ in glob.iglob(str(pattern)))  # noqa: PTH207 - an absolute pattern
