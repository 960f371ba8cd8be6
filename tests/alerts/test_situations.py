"""What the alerts do in the situations that users are in, at several intervals of scraping and of evaluation."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from tests.alerts.promql import RULE_FILES
from tests.alerts.promtool import RULES, firing, promtool
from tests.alerts.situations import SITUATIONS, Expectation, Series, Situation, samples

SEVERITIES: Final = {name: rule["labels"]["severity"] for name, (_, rule) in RULES.items() if name != "VaultWatchdog"}


class Played(NamedTuple):
    """A situation, at one way of looking at it."""

    situation: Situation
    scrape: int
    shift: int

    @property
    def name(self) -> str:
        return f"{self.situation.name}, scraped each {self.scrape} s after {self.shift} s"


def _plays(evaluation: int, scrape: int) -> list[Played]:
    return [
        Played(one, scrape, shift)
        for one in SITUATIONS
        if evaluation in one.evaluations and scrape in one.scrapes
        for shift in one.shifts
    ]


INTERVALS: Final = sorted(
    {(evaluation, scrape) for one in SITUATIONS for evaluation in one.evaluations for scrape in one.scrapes}
)


@pytest.mark.parametrize(("evaluation", "scrape"), INTERVALS)
def test_what_is_told(evaluation: int, scrape: int, tmp_path: Path) -> None:
    """Situations in one run of promtool: it says of each alert at each time whether it fires."""
    plays = _plays(evaluation, scrape)
    document = {
        "rule_files": [str(path) for path in RULE_FILES],
        "evaluation_interval": f"{evaluation}s",
        "tests": [_test(play) for play in plays],
    }
    (tmp_path / "situations.yml").write_text(yaml.safe_dump(document, width=1000))
    run = promtool("test", "rules", tmp_path / "situations.yml")
    found = firing(run.stdout)
    short = [
        f"{play.name}, at {expected.at} s: {expected.what} {' or '.join(expected.names)}, fired: {sorted(fired)}"
        for play in plays
        for expected in play.situation.expects
        if not _holds(expected, fired := found.get((play.name, expected.at), set()))
    ]
    assert short == []


def test_enough_is_played() -> None:
    assert len(SITUATIONS) >= 29
    assert {scrape for one in SITUATIONS for scrape in one.scrapes} >= {15, 30, 60, 120}


def _test(play: Played) -> dict[str, object]:
    times = sorted({expected.at for expected in play.situation.expects})
    return {
        "name": play.name,
        "interval": f"{_step(play)}s",
        "input_series": [
            {"series": one.name, "values": " ".join(_written(one, play, times[-1]))} for one in play.situation.series
        ],
        "alert_rule_test": [
            {"eval_time": f"{at}s", "alertname": name, "exp_alerts": []} for at in times for name in SEVERITIES
        ],
    }


def _step(play: Played) -> int:
    """The grid that promtool has: every sample is on it."""
    return math.gcd(play.scrape, play.shift)


def _written(series: Series, play: Played, until: int) -> Iterator[str]:
    """Write values as promtool has them; a series that ends is stale once."""
    step, there = _step(play), False
    if play.shift:
        yield f"_x{play.shift // step}"
    for value in samples(series, play.scrape, play.shift, until):
        yield str(float(value)) if value is not None else "stale" if there else "_"
        there = value is not None
        if play.scrape > step:
            yield f"_x{play.scrape // step - 1}"


def _holds(expected: Expectation, fired: set[str]) -> bool:
    among = fired & set(expected.names) if expected.names else fired
    severities = {SEVERITIES[name] for name in among}
    match expected.what:
        case "page":
            return "critical" in severities
        case "tell":
            return bool(severities & {"critical", "warning"})
        case _:
            return not severities - {"info"}
