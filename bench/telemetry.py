"""What passing Vault's telemetry on costs, against prometheus_client's parser and ``generate_latest``.

The pages are a recorded one of a real OpenBao with raft, its families repeated under further names until there are as
many samples as wanted (so the mix of gauges, counters and summaries stays), and every value moves from page to page.
Repairing and rendering is measured warm: with the continuity of every counter and summary to be kept, as in any
scrape but the first. Both sides take turns on the same text in this process. All times are of CPU.

Run: ``python bench/telemetry.py``.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from prometheus_client import Metric, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from vault_exporter.config.schema import model
from vault_exporter.metrics.catalogue import NAMES
from vault_exporter.metrics.exposition import Format
from vault_exporter.scrape.telemetry import TelemetryRepair

RECORDED = Path(__file__).parent.parent / "tests" / "data" / "telemetry" / "raft-unsealed-again.prom"
SIZES = {500: 15, 20_000: 5}
"""Samples on a page → rounds."""
AT_LEAST = 15.0


class Families:
    """What ``generate_latest`` takes for a registry."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self.families = list(families)

    def collect(self) -> Iterable[Metric]:
        """Return all of them."""
        return self.families


def main() -> int:
    worst = min(measure(samples, rounds, fmt) for samples, rounds in SIZES.items() for fmt in Format)
    print(f"worst ratio {worst:.1f} (at least {AT_LEAST:g})")
    return 0 if worst >= AT_LEAST else 1


def measure(samples: int, rounds: int, fmt: Format) -> float:
    blocks = scaled(RECORDED.read_text(), samples)
    telemetry = TelemetryRepair(model.Telemetry(), NAMES)
    started = time.process_time()
    telemetry.repair(moved(blocks, 0)).render(fmt)
    cold = time.process_time() - started
    generate = generate_latest if fmt is Format.TEXT else generate_openmetrics
    ours, theirs = [], []
    for step in range(1, rounds + 1):
        text = moved(blocks, step)
        decoded = text.decode()
        theirs.append(timed(lambda: generate(Families(text_string_to_metric_families(decoded)))))  # noqa: B023 - called at once
        ours.append(timed(lambda: telemetry.repair(text).render(fmt)))  # noqa: B023
    ratio = statistics.median(theirs) / statistics.median(ours)
    print(
        f"{samples:6} samples, {fmt.name.lower():11}  passed on {statistics.median(ours) * 1000:8.2f} ms  "
        f"parsed and generated {statistics.median(theirs) * 1000:8.2f} ms  ratio {ratio:5.1f}  "
        f"(first scrape {cold * 1000:.2f} ms)"
    )
    return ratio


def scaled(page: str, samples: int) -> list[str]:
    """Return blocks with so many samples: the recorded page's, again and again under names of their own."""
    recorded = page.strip("\n").removeprefix("# HELP ").split("\n# HELP ")
    blocks: list[str] = []
    count = copy = 0
    while count < samples:
        for block in recorded:
            name = block.partition(" ")[0]
            added = block.count("\n") - 1
            if count + added > samples:
                continue
            if copy and not name.startswith("vault_"):
                continue  # the server's own process is there once
            blocks.append("# HELP " + (block.replace(name, f"{name}_copy{copy}") if copy else block) + "\n")
            count += added
            if count == samples:
                break
        copy += 1
    return blocks


def moved(blocks: list[str], step: int) -> bytes:
    """Return the page as it is after so many steps: everything has grown, apart from the start time."""
    lines = []
    for line in "".join(blocks).splitlines():
        series, _, value = line.rpartition(" ")
        if line.startswith("#") or value == "NaN" or series == "process_start_time_seconds":
            lines.append(line)
        elif "." in value:
            lines.append(f"{series} {float(value) * (1 + step / 64)!r}")
        else:
            lines.append(f"{series} {float(value) + step:.0f}")
    return "\n".join(lines).encode() + b"\n"


def timed(work: Callable[[], bytes]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
