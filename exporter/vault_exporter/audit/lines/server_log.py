"""Tell a server's own log output from audit entries, where both go to the same standard output."""

import re
from typing import Final

__all__ = ["is_server_log", "may_be_entry"]

_SERVER_LOG: Final = re.compile(
    rb"\s*(?:"
    rb"\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:?\d\d)\s+\[(?:TRACE|DEBUG|INFO|WARN|ERROR)\]"  # log_format standard
    rb'|\{"@(?:level|message|timestamp|module)":'  # log_format json
    rb"|==> (?:Vault|OpenBao|Bao|Log data)"  # the banner
    rb")"
)
_ENTRY_START: Final = re.compile(rb'\{"(?:time|type|auth|request|response|error)":')
_ENTRY_CONTENT: Final = re.compile(
    rb'hmac-sha256:|"(?:mount_point|mount_type|mount_accessor|remote_address|client_token)":'
)


def is_server_log(line: bytes) -> bool:
    """Whether a line is certainly log output of Vault or OpenBao: a log line of either format, or the banner."""
    return _SERVER_LOG.match(line) is not None


def may_be_entry(line: bytes, *, damaged: bool) -> bool:
    """Whether a line that is no entry may be a damaged one, or a piece of one.

    Where a server's own log lines are among the entries, only such lines are rejected.

    Args:
        line: the line.
        damaged: it is not JSON.
    """
    if is_server_log(line):
        return False
    return bool((damaged and _ENTRY_START.search(line)) or _ENTRY_CONTENT.search(line))
