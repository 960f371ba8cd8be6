"""Both implementations compress to gzip."""

import gzip as standard
import importlib
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from vault_exporter.util import gzip

PAGE = b"".join(b'vault_route_count{route="%d"} %d\n' % (number, number * number) for number in range(3000))


@pytest.fixture(params=["ISA-L", "zlib"])
def implementation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    if request.param == "zlib":
        monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)  # as where there is no wheel
    yield importlib.reload(gzip)
    monkeypatch.undo()
    importlib.reload(gzip)


def test_what_is_compressed_is_gzip(implementation: ModuleType) -> None:
    compressed = implementation.compress(PAGE)
    assert len(compressed) < len(PAGE) / 4
    assert standard.decompress(compressed) == PAGE
