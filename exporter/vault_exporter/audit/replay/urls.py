"""Names of logs that are URLs, and how to write them without secrets."""

import re
from typing import Final

__all__ = ["is_url", "lowered", "masked", "without_secrets"]

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(?:://|::)")
_URL_IN_TEXT: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
_PORT_ONLY: Final = re.compile(r"[^:]*(?::\d*)?|\[[^]]*\](?::\d*)?")
_CHAINED: Final = re.compile(r"::(?=[A-Za-z][A-Za-z0-9+.-]*://)")
_AFTER_AUTHORITY: Final = re.compile(r"[/?#]")
_VALUE: Final = re.compile(r"(?<![^&;])(?!versionId=)([^&;=]+=)[^&;]*")
_NO_VALUE: Final = re.compile(r"(?<![^&;])[^&;=]+(?![^&;])")
_LONGEST: Final = 200


def is_url(name: str) -> bool:
    """Whether a name is a URL, which fsspec reads."""
    return _URL.match(name) is not None


def masked(url: str) -> str:
    """Return a URL without the password of its authority and the values of its query, such as signatures.

    Each URL of a chain, as ``zip://a.log::https://...``, is treated so.
    """
    return "::".join(map(_masked, _CHAINED.split(url)))


def _masked(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority = _AFTER_AUTHORITY.split(rest, maxsplit=1)[0]
    if "@" not in authority and "@" in rest and not _PORT_ONLY.fullmatch(authority):
        # A password may hold a slash or a question mark that is not quoted.
        user, _, behind = rest.rpartition("@")
        authority = f"{user}@{_AFTER_AUTHORITY.split(behind, maxsplit=1)[0]}"
    path, question, query = rest[len(authority) :].partition("?")
    user, at, host = authority.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        authority = f"{name}:***@{host}" if colon else f"***@{host}"
    if scheme.lower().endswith(("http", "https")):
        path, mark, _ = path.partition("#")
        path = f"{path}{mark}***" if mark else path
        # A part without a name may be a secret as a whole. In other schemes, a question mark is a pattern.
        query = _NO_VALUE.sub("***", query)
    query = _VALUE.sub(r"\1***", query)
    return f"{scheme}{separator}{authority}{path}{question}{query}"


def lowered(url: str) -> str:
    """Return a URL with its scheme in lower case, in which fsspec knows it."""
    scheme, separator, rest = url.partition(":")
    return f"{scheme.lower()}{separator}{rest}"


def without_secrets(text: str) -> str:
    """Return the beginning of a text in one line, with its URLs masked."""
    return _URL_IN_TEXT.sub(lambda found: masked(found[0]), " ".join(text.split()))[:_LONGEST]
