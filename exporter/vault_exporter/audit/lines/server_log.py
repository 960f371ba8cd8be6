"""Recognise server log lines among audit entries, if both are written to the same standard output."""

import re
from typing import Final

__all__ = ["is_server_log", "may_be_entry"]

_SERVER_LOG: Final = re.compile(
    rb"[^{]{0,128}?(?:"  # what "docker compose logs", "kubectl logs --timestamps" or journald put before each line
    rb"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)\s+(?:\x1b\[[0-9;]*m)?\[(?:TRACE|DEBUG|INFO|WARN|ERROR)\]"
    rb'|\{"@(?:level|message|timestamp|module)":'  # log_format json
    rb"|==> (?:Vault|OpenBao|Bao|Log data)"  # the banner
    rb")"
)
_ENTRY_START: Final = re.compile(rb'\{"(?:time|type|auth|request|response|error)":')
_ENTRY_CONTENT: Final = re.compile(
    rb'hmac-sha256:|"(?:mount_point|mount_type|mount_accessor|remote_address|client_token)":'
)


def is_server_log(line: bytes) -> bool:
    """Return whether a line is certainly log output of Vault or OpenBao: a log line of either format, or the banner."""
    return _SERVER_LOG.match(line) is not None


def may_be_entry(line: bytes, *, damaged: bool) -> bool:
    """Return whether a line that is not a valid entry may be a damaged entry, or a piece of one.

    If server log lines are mixed with the entries, only such lines are rejected.

    Args:
        line: the line.
        damaged: whether it is invalid JSON.
    """
    if is_server_log(line):
        return False
    return bool((damaged and _ENTRY_START.search(line)) or _ENTRY_CONTENT.search(line))
