"""Servers that do not answer, or have a history that is shorter than the period: what is said, and the exit status."""

import datetime as dt
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from tests.backtest.answering import CLOSED, Answer, answering
from vault_exporter.cli.table import assembled

Query = Callable[[str, Mapping[str, str]], tuple[int, Any]]
"""Answers a range query of an expression, with its parameters."""
RULES = """
groups:
  - {name: old, interval: 1m, rules: [{alert: First, expr: first > 0}, {alert: Second, expr: second > 0}]}
"""


def ran(*arguments: str) -> Any:
    return CliRunner().invoke(assembled(["rules"]), ["rules", "--profile", "core", *arguments])


def matrix(*values: tuple[float, str]) -> Any:
    series = [{"metric": {}, "values": values}] if values else []
    return {"status": "success", "data": {"resultType": "matrix", "result": series}}


def moments(given: Mapping[str, str]) -> list[float]:
    start, end, step = (float(given[name]) for name in ("start", "end", "step"))
    return [start + at * step for at in range(int((end - start) / step + 0.001) + 1)]


def prometheus(ranges: Query) -> Answer:
    """A server that answers range queries so, and that has every metric."""

    def answer(path: str, given: Mapping[str, str]) -> tuple[int, Any]:
        if path == "/api/v1/query_range":
            return ranges(given["query"], given)
        if path == "/api/v1/label/__name__/values":
            return 200, {"status": "success", "data": ["x"]}
        if path == "/api/v1/query":
            return 200, {"status": "success", "data": {"resultType": "vector", "result": []}}
        return 404, {"status": "error"}

    return answer


def always(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
    """A history without gaps, in which no alert fires."""
    return 200, matrix(*((at, "1") for at in moments(given))) if expr.startswith("count(") else matrix()


@pytest.mark.parametrize("said", [[1, 2], {"status": "error", "errorType": "internal", "error": "broken"}, b"<html>"])
@pytest.mark.parametrize("more", [(), ("--json",), ("--suggest", "1")])
def test_a_server_that_is_no_prometheus_is_said_once(said: Any, more: tuple[str, ...]) -> None:
    with answering(lambda *_: (200, said)) as url:
        result = ran("--backtest", url, *more)
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "HTTP 200 with an unexpected body" in result.stderr


@pytest.mark.parametrize("more", [(), ("--json",), ("--suggest", "1")])
def test_a_server_that_refuses_every_rule_is_said_once(more: tuple[str, ...]) -> None:
    def refusing(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        return always(expr, given) if expr.startswith("count(") else (400, {"error": "no rule today"})

    with answering(prometheus(refusing)) as url:
        result = ran("--backtest", url, "--days", "1", *more)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("no rule today") == len(result.stderr.splitlines()) == 1


def test_what_was_evaluated_before_the_server_was_gone_is_printed(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)

    def leaving(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        gone = "first > 0" in expr or "second > 0" in expr
        return (200, b"<html>Bad gateway") if gone else always(expr, given)

    given = ("--days", "1", "--against", str(rules))
    with answering(prometheus(leaving)) as url:
        result = ran("--backtest", url, *given)
        of_json = ran("--backtest", url, *given, "--json")
    assert result.exit_code == of_json.exit_code == 1
    assert "Pages: 0. Tickets: 0. Alerts that would not have fired: " in result.stdout
    assert result.stdout.count("unexpected body") == 1
    assert "old rules: First, Second: Prometheus: /api/v1/query_range" in result.stdout
    assert set(json.loads(of_json.stdout)["against"]["not_evaluated"]) == {"First", "Second"}
    assert "did not answer for some alerts" in of_json.stderr


def test_no_overrides_come_from_a_server_that_went_away() -> None:
    def leaving(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        return (200, b"<html>Bad gateway") if "absent(" in expr else always(expr, given)

    with answering(prometheus(leaving)) as url:
        result = ran("--backtest", url, "--days", "1", "--suggest", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("minutes", [17.0, 1439.0])
def test_a_period_begins_where_the_history_begins(minutes: float) -> None:
    began = dt.datetime.now(dt.UTC).timestamp() - minutes * 60

    def young(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        if expr.startswith("count("):
            return 200, matrix(*((at, "1") for at in moments(given) if at >= began))
        if "absent(up" in expr:
            return 200, matrix(*((at, "1") for at in moments(given) if at < began))
        return 200, matrix()

    with answering(prometheus(young)) as url:
        result = ran("--backtest", url, "--days", "2")
        of_json = json.loads(ran("--backtest", url, "--days", "2", "--json").stdout)
        suggested = ran("--backtest", url, "--days", "2", "--suggest", "0")
    assert result.exit_code == 0
    assert "VaultExporterDown" not in result.stdout
    assert "The history begins there, later than what was asked for (2 days)." in result.stdout.splitlines()[1]
    assert of_json["history_begins"] == of_json["start"]
    assert 0 <= dt.datetime.fromisoformat(of_json["start"]).timestamp() - began <= 1.1
    assert "VaultExporterDown" not in suggested.stdout
    assert "# Not evaluated: VaultInhibitor: it depends on the states of other alerts" in suggested.stdout
    assert "# The history begins there, later than what was asked for (2 days)." in suggested.stdout


def test_no_query_for_the_beginning_is_too_long_for_a_proxy() -> None:
    asked = []

    def counted(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        asked.append(expr)
        return always(expr, given)

    with answering(prometheus(counted)) as url:
        assert ran("--backtest", url, "--days", "1", "--profile", "all").exit_code == 0
    longest = max(len(quote(expr)) for expr in asked if expr.startswith("count("))
    assert longest < 4096
    assert sum(expr.count("count(") for expr in asked if expr.startswith("count(")) > 100


def test_a_period_within_the_history_stays_as_it_is() -> None:
    with answering(prometheus(always)) as url:
        result = ran("--backtest", url, "--days", "1")
        of_json = json.loads(ran("--backtest", url, "--days", "1", "--json").stdout)
    assert result.exit_code == 0
    assert result.stdout.splitlines()[0].endswith("(1 day)")
    assert "The history begins there" not in result.stdout
    assert of_json["history_begins"] is None
    assert dt.datetime.fromisoformat(of_json["end"]) - dt.datetime.fromisoformat(of_json["start"]) == dt.timedelta(1)


def test_a_server_without_any_sample_of_the_rules_is_said() -> None:
    with answering(prometheus(lambda *_: (200, matrix()))) as url:
        result = ran("--backtest", url, "--suggest", "1")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no sample of what the rules look at in this period" in result.stderr


def test_a_picture_that_cannot_be_written_is_said_before_anything_is_asked(tmp_path: Path) -> None:
    asked = []

    def counted(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        asked.append(expr)
        return always(expr, given)

    with answering(prometheus(counted)) as url:
        result = ran("--backtest", url, "--plot", str(tmp_path / "none" / "x.png"))
    assert (result.exit_code, asked) == (1, [])
    assert "x.png: No such file or directory" in result.stderr


def test_the_report_is_printed_if_the_picture_cannot_be_written_in_the_end(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()

    def removing(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        if folder.exists():
            folder.rmdir()
        return always(expr, given)

    with answering(prometheus(removing)) as url:
        result = ran("--backtest", url, "--days", "1", "--plot", str(folder / "x.png"))
    assert result.exit_code == 1
    assert "Pages: 0. Tickets: 0." in result.stdout
    assert "x.png: No such file or directory" in result.stderr


def test_one_firing_is_no_plural() -> None:
    def once(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        if "absent(up" not in expr:
            return always(expr, given)
        now = float(given["end"])
        return 200, matrix(*((at, "1") for at in moments(given) if now - 7200 < at < now - 3600))

    with answering(prometheus(once)) as url:
        result = ran("--backtest", url, "--days", "1")
    assert re.search(r"VaultExporterDown: 1 firing, \d+m", result.stdout)


def test_a_connection_that_is_closed_halfway_is_said_once(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)

    def closing(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        return (CLOSED, b"") if "first > 0" in expr or "second > 0" in expr else always(expr, given)

    with answering(prometheus(closing)) as url:
        result = ran("--backtest", url, "--days", "1", "--against", str(rules))
    assert result.exit_code == 1
    assert "Pages: 0. Tickets: 0." in result.stdout
    assert result.stdout.count("the connection was closed before the answer was complete") == 1


@pytest.mark.parametrize("more", [(), ("--json",), ("--suggest", "1")])
def test_a_server_that_hangs_ends_the_backtest(more: tuple[str, ...]) -> None:
    """The history is found, and then no rule is evaluated in time. The whole ends, and says what to do."""
    over = threading.Event()

    def hanging(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        if expr.startswith("count("):
            return always(expr, given)
        over.wait(60)
        return CLOSED, b""

    began = time.monotonic()
    with answering(prometheus(hanging)) as url:
        result = ran("--backtest", url, "--days", "1", "--timeout", "1", *more)
        took = time.monotonic() - began
        over.set()
    assert took < 15
    assert (result.exit_code, result.stdout) == (1, "")
    assert len(result.stderr.splitlines()) == 1
    assert "Prometheus: /api/v1/query_range: no answer within 1 s" in result.stderr
    assert "nothing more was asked" in result.stderr
    assert "raise --timeout" in result.stderr


def test_queries_that_take_too_long_make_the_later_ones_shorter() -> None:
    """No query of more than 500 evaluations is answered; after two failures none is asked."""
    refused = []

    def slow(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        if not expr.startswith("count(") and len(moments(given)) > 500:
            refused.append(expr)
            return 503, {"status": "error", "error": "query timed out"}
        return always(expr, given)

    with answering(prometheus(slow)) as url:
        result = ran("--backtest", url, "--days", "3")
    assert result.exit_code == 0
    assert 2 <= len(refused) <= 4  # two queries are asked at once
