"""A task that ends by a defect is noticed, and one that ends as it should is not."""

import asyncio

import pytest

from vault_exporter.web.background import Background


async def test_only_a_defect_is_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    ended = asyncio.Event()

    async def ends() -> None:
        ended.set()

    async def breaks() -> None:
        await ended.wait()
        raise ValueError("hvs.planted")

    async def stays() -> None:
        await asyncio.Event().wait()

    background = Background()
    for name, coroutine in (("ends", ends()), ("breaks", breaks()), ("stays", stays())):
        background.start(name, coroutine)
    await ended.wait()
    await background.cancel()
    said = "".join(capsys.readouterr())
    assert background.failed == ["breaks"]
    assert "ValueError at test_background.py" in said
    assert "planted" not in said
