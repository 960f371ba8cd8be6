"""A reader as the exporter runs it, and a Prometheus that scrapes it."""

import asyncio
from collections import defaultdict

from tests.audit.device import Device
from tests.audit.entries import line
from vault_exporter.audit import AuditService
from vault_exporter.metrics.family import Family, Sample


class Prometheus:
    """Sums increases: a counter that falls has restarted, and one that is new begins where it is first seen."""

    def __init__(self) -> None:
        self.last: dict[tuple[str, tuple[str, ...]], float] = {}
        self.increase: defaultdict[str, float] = defaultdict(float)

    def take(self, samples: tuple[Sample, ...]) -> None:
        for family, labels, value, _ in samples:
            before = self.last.get((family.name, labels), value)
            self.increase[family.name] += value if value < before else value - before
            self.last[family.name, labels] = value


def entries(device: Device, *ids: str, operation: str = "read") -> None:
    for id_ in ids:
        for kind in ("request", "response"):
            device.write_bytes(line(kind, id_=id_, request={"operation": operation}))


async def scrape(
    reader: AuditService, prometheus: Prometheus | None, *, completely: bool = True, again: int = 0
) -> None:
    for log in reader.logs:
        while log.step():
            pass
    page = await reader.scrape()
    # On a busy machine the checkpoint takes longer than a scrape waits, and the page is the one before.
    for _ in range(again):
        if not (late := asyncio.all_tasks() - {asyncio.current_task()}):
            break
        await asyncio.wait(late, timeout=1)
        page = await reader.scrape()
    if prometheus is not None and completely:
        prometheus.take(page.samples)
    if completely:
        reader.acknowledge(page)


def no_disk(_: int) -> None:
    """Stand for a disk that takes no time: on a slow one, a scrape gets the page before once more."""


async def written() -> None:
    """Wait until no checkpoint is being written: the writer of a process that is killed does not live on."""
    while others := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(others)


def value(reader: AuditService, family: Family) -> float:
    return sum(sample.value for sample in reader.samples() if sample.family is family)
