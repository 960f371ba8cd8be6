"""Backtests on each Prometheus that is there. ``make backtest-test`` runs it, for an hour unless told otherwise."""

import os
from pathlib import Path

import pytest

from tests.backtest.equal import assert_equal, assert_promise
from tests.backtest.played import played
from tests.lab.tools import versions

PROGRAMS = versions("prometheus")
AHEAD = 30
"""Seconds that the samples are ahead: more than any pause of a busy machine within the hour."""
SECONDS = float(os.environ.get("BACKTEST_SECONDS", "3600"))


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_it_equals_the_alerts_of_the_server(program: str, tmp_path: Path) -> None:
    with played(tmp_path, program, SECONDS, AHEAD) as server:
        print(assert_equal(server, SECONDS))
        print(assert_promise(server, SECONDS, tmp_path))
