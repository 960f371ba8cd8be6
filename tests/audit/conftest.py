"""One log that is followed with a checkpoint."""

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
