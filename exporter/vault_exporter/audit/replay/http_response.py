"""Bound what fsspec holds of one answer of an HTTP server, which may send more than was asked for.

fsspec reads the answer for a part of a file, and the list of a directory, as a whole. It finds the links of a list with
a regular expression whose time grows with the square of the text.
"""

import re
from typing import Final

import aiohttp

__all__ = ["BoundedResponse"]

_MOST_BYTES: Final = 64 << 20
_LONGEST_LIST: Final = 8 << 20
"""Characters; about 100,000 files."""
_LINK: Final = re.compile(r"<[aA]\s[^<>]{1,4096}+>|https?://[-a-zA-Z0-9@:%_+.~#?&/=]+")


class BoundedResponse(aiohttp.ClientResponse):
    """A response that is not read as a whole if it is too long."""

    async def read(self) -> bytes:
        """Read all of it.

        Raises:
            OSError: it is too long.
        """
        if self._body is None:
            body = bytearray()
            async for block in self.content.iter_any():
                body += block
                if len(body) > _MOST_BYTES:
                    self.close()
                    raise OSError(0, "the server sends more than it was asked for")
            self._body = bytes(body)
        return await super().read()

    async def text(self, encoding: str | None = None, errors: str = "strict") -> str:
        """Read it as text, and return its links only.

        Raises:
            OSError: it is too long.
        """
        text = await super().text(encoding, errors)
        if len(text) > _LONGEST_LIST:
            raise OSError(0, "the list of files is too long")
        return "\n".join(_LINK.findall(re.sub(r"\s+", " ", text)))
