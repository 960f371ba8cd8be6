"""What each backtest must show on a server that ran the rules."""

import datetime as dt
import json
import time
from pathlib import Path
from typing import Any

from tests.backtest.played import MEMORY, Played, run

__all__ = ["assert_equal", "assert_promise"]

Labels = tuple[tuple[str, str], ...]


def assert_equal(server: Played, seconds: float) -> None:
    """Compare state by state, at every evaluation that the server made."""
    days = f"{(seconds + 600) / 86400:.6f}"
    found = json.loads(run("--backtest", server.url, "--days", days, *MEMORY, "--against", str(server.rules), "--json"))
    until = time.time()
    window = f"[{int(seconds) + 600}s]"
    clock = server.query(f"ALERTS{{alertname='PlayedClock',alertstate='firing'}}{window}", until)
    times = [float(at) for at, _ in clock[0]["values"]]
    times = [at for at in times if at <= _seconds(found["end"])]
    assert len(times) >= min(seconds, 10)
    real = _real(server, window, until, "Played(Recorded|For|Kept|Gone|OfValue)")
    made = _made([one for one in found["against"]["go"] if one["labels"]["alertname"] != "PlayedClock"])
    assert {dict(labels)["alertname"] for labels in real} == {
        "PlayedRecorded", "PlayedFor", "PlayedKept", "PlayedGone", "PlayedOfValue",
    }  # fmt: skip
    first = times[0]
    for labels in real.keys() | made.keys():
        fired = {round(at, 3) for at in real.get(labels, ())}
        expected = {round(at, 3) for at in times if round(at, 3) in fired}
        # PlayedGone is pending before the server's first evaluation in a backtest, and only then in the server.
        since = first + 2 if dict(labels)["alertname"] == "PlayedGone" else first
        ours = {round(at, 3) for at in times if any(start <= at < end for start, end in made.get(labels, ()))}
        assert {at for at in ours if at >= since} == {at for at in expected if at >= since}, labels
    assert found["against"]["no_data"] == ["PlayedNever"]
    memory = next(one for one in found["alerts"] if one["alert"] == "VaultHighMemoryUsage")
    there = _real(server, window, until, "VaultHighMemoryUsage")
    ours_of_pack = _made(memory["firings"])
    assert there.keys() == ours_of_pack.keys()
    for labels, ats in there.items():
        assert len(ours_of_pack[labels]) > 1
        end_of_backtest = _seconds(found["end"])
        assert all(any(start <= at < end for start, end in ours_of_pack[labels]) for at in ats if at < end_of_backtest)
        assert all(any(start <= at < end for at in ats) for start, end in ours_of_pack[labels])


def assert_promise(server: Played, seconds: float, folder: Path, limit: int = 1) -> None:
    """What ``--suggest`` prints keeps its limit on the same data, and was needed."""
    basic = ("--backtest", server.url, "--days", f"{(seconds + 600) / 86400:.6f}")
    suggested = folder / "suggested.yml"
    suggested.write_text(run(*basic, *MEMORY, "--suggest", str(limit)))
    before, after = (
        next(
            one
            for one in json.loads(run(*basic, *changes, "--json"))["alerts"]
            if one["alert"] == "VaultHighMemoryUsage"
        )
        for changes in (MEMORY, ("--overrides", str(suggested)))
    )
    assert before["busiest_week"] > limit
    assert "memory_limit_bytes" in suggested.read_text()
    assert after["busiest_week"] <= limit
    assert run("--overrides", str(suggested)) != run(*MEMORY)


def _real(server: Played, window: str, until: float, names: str) -> dict[Labels, list[float]]:
    found = server.query(f"ALERTS{{alertname=~'{names}',alertstate='firing'}}{window}", until)
    return {
        tuple(sorted((k, v) for k, v in one["metric"].items() if k not in {"__name__", "alertstate"})): [
            float(at) for at, _ in one["values"]
        ]
        for one in found
    }


def _made(firings: list[dict[str, Any]]) -> dict[Labels, list[tuple[float, float]]]:
    made: dict[Labels, list[tuple[float, float]]] = {}
    for one in firings:
        end = _seconds(one["end"]) + (0.001 if one["open"] else 0)
        made.setdefault(tuple(sorted(one["labels"].items())), []).append((_seconds(one["start"]), end))
    return made


def _seconds(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()
