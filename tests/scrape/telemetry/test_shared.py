"""What the pages of many targets have in common is kept once, for as long as one of them has it."""

import gc
import tracemalloc
import weakref

from tests.scrape.telemetry.reading import PAGES
from vault_exporter.config.schema import model
from vault_exporter.metrics.catalogue import NAMES
from vault_exporter.scrape.telemetry import TelemetryRepair
from vault_exporter.scrape.telemetry.family import family_of
from vault_exporter.scrape.telemetry.grammar import HEAD
from vault_exporter.scrape.telemetry.shape import shape_of

BLOCK = b"its_own_total Help.\n# TYPE its_own_total counter\nits_own_total 1"


def taken_in() -> tuple[TelemetryRepair, int]:
    """A target that was scraped, and the bytes that it takes."""
    target = TelemetryRepair(model.Telemetry(), NAMES)
    page = bytes(bytearray(PAGES["raft-unsealed-again"]))
    gc.collect()
    tracemalloc.start()
    try:
        target.repair(page)
        gc.collect()
        return target, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_a_second_target_takes_less() -> None:
    first, alone = taken_in()
    second, beside = taken_in()
    assert beside < alone / 2
    page = PAGES["raft-unsealed-again"]
    assert first.repair(page) == second.repair(page)


def test_nothing_is_kept_that_nobody_has() -> None:
    head = HEAD.match(BLOCK)
    assert head is not None
    family, shape = family_of(head), shape_of(b"its_own_total", b"counter", [b"its_own_total", b""])
    assert shape is not None
    assert shape_of(b"its_own_total", b"counter", [b"its_own_total", b""]) is shape
    kept: list[weakref.ref[object]] = [weakref.ref(family.title), weakref.ref(shape)]
    del family, shape
    gc.collect()
    assert [one() for one in kept] == [None, None]
