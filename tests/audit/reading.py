"""A reader as the exporter runs it, and a Prometheus that scrapes it."""

from collections import defaultdict

from tests.audit.device import Clock, Device
from tests.audit.entries import line
from vault_exporter.audit.service import AuditService
from vault_exporter.config.schema.model import Audit
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


def open_reader(settings: Audit, clock: Clock) -> AuditService:
    """Start a reader on a machine where neither the disk nor a search for logs takes time."""
    return AuditService(settings, clock=clock, cpu_clock=clock, sync=lambda _: None)


async def scrape(reader: AuditService, prometheus: Prometheus | None, *, completely: bool = True) -> None:
    """Read all there is and scrape once, however long the disk takes to write the checkpoint."""
    for log in reader.logs:
        while log.step():
            pass
    page = await reader.scrape()
    while reader.is_writing:  # so this may be the last page once more
        await reader.written()
        page = await reader.scrape()
    if prometheus is not None and completely:
        prometheus.take(page.samples)
    if completely:
        reader.acknowledge(page)
    await reader.written()  # a reader that is killed next does not write on


def value(reader: AuditService, family: Family) -> float:
    return sum(sample.value for sample in reader.samples() if sample.family is family)
