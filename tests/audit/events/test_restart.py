"""When an event last happened is known after a restart, whatever was shown before, and nothing is told anew."""

import json

import pytest

from tests.audit.device import Device
from tests.audit.entries import line
from tests.audit.reading import Prometheus, scrape
from vault_exporter.audit.service import AuditService
from vault_exporter.config.schema.model import Audit, Events
from vault_exporter.metrics import catalogue as c

SEALED = line("request", "2026-11-24T12:00:00.123457Z", request={"path": "sys/seal", "operation": "update"})
SEALED = SEALED.replace(b'"mount_type": "kv", "mount_point": "kv/", ', b"")
LATER = SEALED.replace(b"12:00:00", b"13:00:00")
TIMES = {"first": 1795521600.123457, "later": 1795525200.123457}


@pytest.fixture
def settings(device: Device) -> Audit:
    events = Events(disable=("sudo_path_used",))
    return Audit(logs=(device.path,), checkpoint=device.path.with_name("checkpoint.json"), events=events)


def last(reader: AuditService) -> dict[str, float]:
    return {sample.labels[0]: sample.value for sample in reader.samples() if sample.family is c.AUDIT_EVENT_LAST}


def restarted(reader: AuditService, settings: Audit) -> AuditService:
    for log in reader.logs:
        log.close()
    return AuditService(settings)


async def test_the_time_of_the_last_event_outlives_a_restart(device: Device, settings: Audit) -> None:
    prometheus = Prometheus()
    reader = AuditService(settings)
    await scrape(reader, prometheus)
    device.write_bytes(SEALED)
    for _ in range(3):
        await scrape(reader, prometheus)
    assert last(reader) == {"seal": TIMES["first"]}

    reader = restarted(reader, settings)
    assert last(reader) == {"seal": TIMES["first"]}
    for _ in range(3):
        await scrape(reader, prometheus)
    assert last(reader) == {"seal": TIMES["first"]}
    assert prometheus.increase["vault_audit_events_total"] == 1
    device.write_bytes(LATER)
    await scrape(reader, prometheus)
    assert last(reader) == {"seal": TIMES["later"]}


async def test_an_event_that_no_scrape_saw_is_told_after_a_kill(device: Device, settings: Audit) -> None:
    prometheus = Prometheus()
    reader = AuditService(settings)
    device.write_bytes(SEALED)
    for _ in range(3):
        await scrape(reader, prometheus)
    device.write_bytes(LATER)
    await scrape(reader, prometheus, completely=False)
    assert last(reader) == {"seal": TIMES["later"]}

    reader = restarted(reader, settings)
    assert last(reader) == {"seal": TIMES["first"]}
    for _ in range(3):
        await scrape(reader, prometheus)
    assert last(reader) == {"seal": TIMES["later"]}
    assert prometheus.increase["vault_audit_events_total"] == 2


@pytest.mark.parametrize("seconds", [1e300, -1e300, 1795521600.5])
async def test_what_a_checkpoint_says_of_events(settings: Audit, seconds: float) -> None:
    assert settings.checkpoint is not None
    noted = {"logs": {}, "version": 1, "events": {"seal": seconds, "rekey": 1.5, "no_rule": 2.5}}
    settings.checkpoint.write_text(json.dumps(noted))
    disabled = Audit(logs=settings.logs, checkpoint=settings.checkpoint, events=Events(disable=("rekey",)))
    reader = AuditService(disabled)
    assert last(reader) == ({"seal": seconds} if 0 < seconds < 1e10 else {})
