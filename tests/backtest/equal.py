"""What each backtest must show on a server that ran the rules."""

import asyncio
import datetime as dt
import json
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import yaml

from tests.backtest.played import FIRING, PACK, Played, run
from vault_exporter.alert_rules import Profile, apply, load, select
from vault_exporter.diagnose.backtest.command import Asked, backtest
from vault_exporter.diagnose.backtest.report import Result, as_overrides
from vault_exporter.diagnose.backtest.run import Period
from vault_exporter.diagnose.backtest.suggest import Suggestion, busiest_week
from vault_exporter.diagnose.doctor.read.http_config import load_http_config

__all__ = ["assert_equal", "assert_promise"]

Labels = tuple[tuple[str, str], ...]

MEMORY: Final = {"VaultDown": 130}
"""Seconds in which a state depends on evaluations before: of `for` and of ranges of recorded series. Else ten."""

RACING: Final = {"SlowRange": 0.05}
"""The part of evaluations that may differ: a busy server may evaluate a group before one that it reads from."""


def assert_equal(server: Played, seconds: float) -> str:
    """Compare state by state, at every evaluation that the server made, and return the figures of it."""
    days = f"{(seconds + 600) / 86400:.6f}"
    found = json.loads(run("--backtest", server.url, "--days", days, *PACK, "--against", str(server.rules), "--json"))
    until, end = time.time(), _seconds(found["end"])
    window = f"[{int(seconds) + 600}s]"
    figures = []

    def compare(what: str, clock: str, real: dict[Labels, list[float]], made: dict[Labels, list[Any]]) -> None:
        (ticks,) = server.query(f"{clock}{window}", until)
        times = [float(at) for at, _ in ticks["values"] if float(at) <= end]
        firing = different = 0
        for labels in real.keys() | made.keys():
            sure = _sure(times, MEMORY.get(dict(labels)["alertname"], 10))
            assert len(sure) > len(times) / 2 or len(times) < 3 * MEMORY["VaultDown"]
            fired = {round(at, 3) for at in real.get(labels, ())}
            theirs = {at for at in sure if round(at, 3) in fired}
            ours = {at for at in sure if any(one <= at < other for one, other in made.get(labels, ()))}
            others = sorted(ours ^ theirs)
            assert len(others) <= RACING.get(dict(labels)["alertname"], 0) * len(sure), (labels, others)
            different += len(others)
            firing += len(ours)
        spans = sum(map(len, made.values()))
        spans, count = sum(map(len, made.values())), len(_sure(times, 10))
        figures.append(
            f"{what}: {count} of {len(times)} evaluations, {len(made)} label sets, "
            f"firing at {firing} evaluations, {spans} firings, "
            f"{different} different"
        )

    gone = _made(found["against"]["go"])
    for group in server.groups:
        real = _real(server, window, until, f"{group}.*")
        real = {labels: ats for labels, ats in real.items() if not dict(labels)["alertname"].endswith("Clock")}
        assert {dict(labels)["alertname"] for labels in real} == FIRING[group]
        made = {labels: ends for labels, ends in gone.items() if dict(labels)["alertname"] in FIRING[group]}
        compare(group, f"ALERTS{{alertname='{group}Clock',alertstate='firing'}}", real, made)
    assert found["against"]["no_data"] == ["PlayedNever"]
    ours = {one["alert"]: _made(one["firings"] or []) for one in found["alerts"]}
    down = _real(server, window, until, "VaultDown")
    assert down
    compare("VaultDown", "instance:vault_serves:bool", down, ours["VaultDown"])
    memory, there = ours["VaultHighMemoryUsage"], _real(server, window, until, "VaultHighMemoryUsage")
    assert there.keys() == memory.keys()
    for labels, ats in there.items():
        assert len(memory[labels]) > 1
        assert all(any(start <= at < stop for start, stop in memory[labels]) for at in ats if at < end)
        assert all(any(start <= at < stop for at in ats) for start, stop in memory[labels])
    return "\n".join(figures)


def assert_promise(server: Played, seconds: float, folder: Path, limit: int = 1) -> str:
    """What ``--suggest`` prints keeps its limit on the same data, and was needed. Return the figures."""
    end = int(time.time() * 1000)
    period = Period(end - round((seconds + 600) * 1000), end)
    given = dict(text.split("=") for text in PACK if "=" in text)
    before, suggestion = _backtest(server, period, given, limit)
    assert suggestion is not None
    suggested = folder / "suggested.yml"
    suggested.write_text(as_overrides(suggestion, given, limit, before))
    values = {name: str(value) for name, value in yaml.safe_load(suggested.read_text()).items()}
    after, _ = _backtest(server, period, values)
    counts, kept = ({one.alert.name: busiest_week(one.firings) for one in each.outcomes} for each in (before, after))
    loud = {name for name, count in counts.items() if count > limit}
    named = {name for name in suggestion.left if f"# {name} stays: " in suggested.read_text()}
    assert "VaultHighMemoryUsage" in loud - named
    assert "memory_limit_bytes" in values
    assert {name for name, count in kept.items() if count > limit} == named & loud, (counts, kept, suggestion)
    assert run("--overrides", str(suggested)) != run(*PACK)
    changed = ", ".join(f"{name} {counts[name]} to {kept[name]}" for name in sorted(loud - named))
    return f"at most {limit} in seven days: {changed}; named as not possible: {', '.join(sorted(named)) or 'none'}"


def _backtest(
    server: Played, period: Period, overrides: dict[str, str], limit: int | None = None
) -> tuple[Result, Suggestion | None]:
    """Evaluate over one period, while the server's history goes on."""
    asked = Asked(server.url, load_http_config(None, https=False), period, overrides, limit=limit)
    return asyncio.run(
        backtest(asked, lambda values: select(apply(load(), values), Profile.ALL), lambda _: None, lambda _: None)
    )


def _sure(times: list[float], memory: float) -> list[float]:
    """Return the evaluations whose state depends on no evaluation that the server did not make.

    It makes none before its start, and misses some on a machine that is too busy.
    """
    interval = min(after - before for before, after in pairwise(times))
    since, sure = times[0], []
    for before, at in pairwise(times):
        if at - before > 1.5 * interval:
            since = at
        if at - since >= memory:
            sure.append(at)
    return sure


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
