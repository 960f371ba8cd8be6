"""An index of xz that has one number without an end."""

import io
import lzma

import pytest

from vault_exporter.audit.lines.compression import is_of_length

INDEX_BYTES = 4 << 20


def test_a_number_without_an_end_is_a_damage() -> None:
    index = b"\0" + b"\xff" * (INDEX_BYTES - 1)
    footer = bytes(4) + (INDEX_BYTES // 4 - 1).to_bytes(4, "little") + b"\0\0YZ"
    with pytest.raises(lzma.LZMAError):
        is_of_length(io.BufferedReader(io.BytesIO(b"\xfd7zXZ\0" + bytes(6) + index + footer)), 5)
