"""Requests that are looked for in a log: seen, seen before their answer, late, and never."""

from tests.audit.entries import LOG, line
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.util.sightings import LONGEST_SECONDS, Sighting, Sightings

PATH = "canary/data/a&b"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def entries(id_: str, path: str = PATH) -> list[bytes]:
    """A request and its response, with the path as Go writes it."""
    kinds = ("request", "response")
    return [line(kind, id_=id_, request={"path": path}).replace(b"&", b"\\u0026") for kind in kinds]


def looking() -> tuple[Clock, Sightings, Pipeline, Sighting]:
    clock = Clock()
    sightings = Sightings(clock)
    pipeline = Pipeline(PipelineSettings())
    pipeline.look_for(sightings)
    return clock, sightings, pipeline, sightings.begin(PATH)


def test_a_request_that_comes_by_after_its_answer() -> None:
    clock, sightings, pipeline, sighting = looking()
    sighting.expect({"w": 1000.0, "r": 1001.0})
    clock.now = 1003.0
    pipeline.feed(LOG, [*entries("w"), *entries("other")])
    assert (sighting.is_open, sighting.delay) == (True, None)
    clock.now = 1005.0
    pipeline.feed(LOG, entries("r"))
    assert (sighting.is_open, sighting.delay) == (False, 4.0)
    assert sightings.open() == ()


def test_a_request_that_is_in_the_log_before_its_id_is_known() -> None:
    clock, _, pipeline, sighting = looking()
    pipeline.feed(LOG, entries("w"))
    clock.now = 1000.5
    sighting.expect({"w": 1000.5})
    assert (sighting.is_open, sighting.delay) == (False, 0.0)


def test_a_request_that_never_comes_by_or_too_late() -> None:
    clock, sightings, pipeline, sighting = looking()
    sighting.expect({"w": 1000.0})
    pipeline.feed(LOG, entries("w", "canary/data/a&bc"))
    clock.now = 1000.0 + LONGEST_SECONDS
    assert (sighting.is_open, sighting.delay) == (False, None)
    assert sightings.open() == ()
    pipeline.feed(LOG, entries("w"))
    assert sighting.delay is None
