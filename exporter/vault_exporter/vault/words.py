"""Sanitise Vault's error messages for display: one short line without possible secrets.

The messages appear in the log, ``check --online``, ``status`` and the status page. They are never a label, because
their number is unbounded.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from vault_exporter.util.json import UNREADABLE
from vault_exporter.util.printable import printable

__all__ = ["error_messages", "quote", "secrets_of"]

_LONGEST: Final = 200
"""Limit of the quoted message in characters."""
_MOST_MESSAGES: Final = 3
_LONGEST_READ: Final = 4096
"""Limit of the characters read of a message."""
_SHORTEST_SECRET: Final = 4
_PUBLIC_KEYS: Final = frozenset({"role", "type"})
"""Keys of a request's body whose values are not secret and help in an error message."""
_LEFT_OUT: Final = "[…]"
_COUNT: Final = re.compile(r"\d+ errors? occurred:")
"""Prefix by Go's multierror library, which Vault uses also for one error."""
_SUSPECTS: Final = re.compile(
    r"""
    (?<=://)\S*@                                           # user name and password of a URL
    | (?<![^\s"'`(=,;])[^\s:/@"'`(=]{1,64}:(?!//)[^\s@]{0,128}@(?=\S)  # the same without a scheme, as for MySQL
    | \bhv[sbr]\.[A-Za-z0-9_.-]+                           # tokens of Vault and OpenBao
    | \b[sbr]\.[A-Za-z0-9_.-]{8,}                          # those of older versions
    | \beyJ[A-Za-z0-9_.-]+                                 # a JWT
    | \b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b  # an accessor, a role-id, a secret-id, an old token
    | (?i:\bbearer\s+\S+)                                  # a header
    | (?i:(?:passw(?:or)?d|passphrase|pwd|\bpass|secret|secret_?id|token|jwt|accessor|authorization|credentials?
             |signature|\bsig|(?:api|access|account|private|secret)[_-]?key))["']?\s*
      (?:=\s*(?:"[^"]*"|'[^']*'|\S+) | :\s*(?=\S*\d)\S+)   # what follows such a word
    | \b(?=[A-Za-z_]*\d)(?=\d*[A-Za-z_])\w{20,}              # long, with letters and digits: keys, hashes
    | \b(?=(?:[a-z]*[A-Z]){5})[A-Za-z]{24}\b                # an accessor without a digit
    | (?=[a-z0-9+/=]*[A-Z])(?=[A-Z0-9+/=]*[a-z])(?=[A-Za-z+/=]*\d)[A-Za-z0-9+/=]{32,}  # base64
    """,
    re.VERBOSE,
)


class _Errors(msgspec.Struct, frozen=True):
    errors: tuple[str, ...]


def error_messages(body: bytes) -> tuple[str, ...] | None:
    """Return the messages of a body ``{"errors": [...]}``; None for any other body, which Vault did not write."""
    try:
        return msgspec.json.decode(body, type=_Errors).errors
    except UNREADABLE:
        return None


def quote(messages: Iterable[str], secrets: Iterable[str] = ()) -> str:
    """Join the messages into one short line.

    Args:
        messages: Vault's error messages.
        secrets: values of the request, which the messages may repeat.
    """
    parts = []
    for message in tuple(messages)[:_MOST_MESSAGES]:
        text = message[:_LONGEST_READ]
        for secret in secrets:
            text = text.replace(secret, _LEFT_OUT)
        words = _COUNT.sub(" ", text).replace("* ", " ").split()
        parts.append(_SUSPECTS.sub(_LEFT_OUT, printable(" ".join(words))))
    line = "; ".join(part for part in parts if part)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def secrets_of(headers: Mapping[str, str], body: object) -> tuple[str, ...]:
    """Return the secrets of a request, longest first: its token, and the strings of its body."""
    found = [headers.get("X-Vault-Token", ""), *_texts(body)]
    return tuple(sorted((text for text in found if len(text) >= _SHORTEST_SECRET), key=len, reverse=True))


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if key not in _PUBLIC_KEYS:
                yield from _texts(inner)
