"""Log once why an audit log cannot be read, and what to do."""

import errno
import os
import traceback
from pathlib import Path
from typing import Final

import structlog

__all__ = ["ReadError"]

_REMEDIES: Final = {
    errno.ENOENT: "wait for Vault to create it, or correct audit.logs; it will be read from its beginning",
    errno.EACCES: "run the exporter as Vault's user or in its group, or set mode on Vault's audit device (0640)",
    errno.EPERM: "run the exporter as Vault's user or in its group, or set mode on Vault's audit device (0640)",
    errno.EISDIR: "name the log file itself in audit.logs, not its directory",
    errno.EINVAL: "name a regular file in audit.logs; pipes and devices cannot be followed",
    errno.EMFILE: "raise the limit of open files of the exporter",
    errno.ENFILE: "raise the limit of open files of this machine",
}
_OTHER_REMEDY: Final = "check the file system that holds it"

_log = structlog.get_logger(__name__)


class ReadError:
    """The error of reading one log. Each change is logged."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._state: str | None = None
        self.remedy = ""
        """What the operator can do; empty without an error."""

    @property
    def is_over(self) -> bool:
        """Whether the last report had no error."""
        return self._state == ""

    @property
    def problem(self) -> str:
        """The last reported error; empty if there was none."""
        return self._state or ""

    def report(self, error: Exception | None) -> None:
        """Report the current error, or None; it is logged if it differs from the last one."""
        state = "" if error is None else _what(error)
        if state == self._state:
            return
        self._state = state
        if error is None:
            self.remedy = ""
            _log.info("following the audit log", log=self._name)
        elif isinstance(error, OSError):
            self.remedy = _REMEDIES.get(error.errno or 0, _OTHER_REMEDY)
            _log.warning("cannot read the audit log", log=self._name, error=state, remedy=self.remedy)
        else:
            self.remedy = "report this as a defect of vault-exporter"
            _log.error("cannot process the audit log", log=self._name, error=state, remedy=self.remedy)


def _what(error: Exception) -> str:
    """Describe an error without its own text, which may quote the log."""
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else type(error).__name__
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
