"""One log that is followed with a checkpoint, and the end of what a test leaves open."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audit.device import Device
from vault_exporter.config.schema.model import Audit


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    with Device(tmp_path / "audit.log") as device:
        yield device


@pytest.fixture
def settings(device: Device) -> Audit:
    return Audit(logs=(device.path,), checkpoint=device.path.with_name("checkpoint.json"))


@pytest.fixture(autouse=True)
def _no_open_sessions() -> Iterator[None]:
    """Close the connections that fsspec keeps, since other tests look for sessions that are left open."""
    yield
    if (http := sys.modules.get("fsspec.implementations.http")) is not None and http.HTTPFileSystem._cache:  # noqa: SLF001
        http.HTTPFileSystem.clear_instance_cache()
        gc.collect()
