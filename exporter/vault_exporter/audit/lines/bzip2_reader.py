"""Read bzip2 files."""

import bz2
import io

__all__ = ["Bzip2Reader"]


class Bzip2Reader(io.BufferedIOBase):
    """Reads as :class:`bz2.BZ2File` does, but raises :class:`EOFError` if the file is damaged."""

    def __init__(self, raw: io.BufferedReader) -> None:
        """Start at the position of a file, which stays open."""
        super().__init__()
        self._source = bz2.BZ2File(raw)

    def readable(self) -> bool:
        """Return True."""
        return True

    def read(self, size: int | None = -1) -> bytes:
        """Read this number of bytes, or all."""
        try:
            return self._source.read(-1 if size is None else size)
        except OSError as error:
            raise _of_file(error) from error

    def read1(self, size: int = -1) -> bytes:
        """Read some bytes, at most this number."""
        try:
            return self._source.read1(size)
        except OSError as error:
            raise _of_file(error) from error


def _of_file(error: OSError) -> Exception:
    """Return what is wrong: bz2 raises OSError for damage as well, but without a number."""
    return EOFError("damaged") if error.errno is None else error
