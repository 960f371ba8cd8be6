"""Servers and files that say what no Prometheus and no author of rules would: the command ends, and says so."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.backtest.answering import answering
from tests.backtest.test_unanswered import always, matrix, moments, prometheus, ran

NO_RANGE = "Prometheus: /api/v1/query_range: "
MULTIPLYING = "\n".join(f"  a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12))


def said_of(answer: Any, *arguments: str) -> str:
    """What the command says of a server that answers range queries so."""
    with answering(prometheus(lambda _, given: (200, answer(given) if callable(answer) else answer))) as url:
        result = ran("--backtest", url, "--days", "1", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    return str(result.stderr)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            {"status": "success", "data": {"resultType": "vector\x1b[2J", "result": []}},
            "a result of the type vector\\x1b",
        ),
        ({"status": "success", "data": {"resultType": "matrix", "result": [5]}}, "a result of an unexpected form"),
        (matrix((1e308, "1")), "values of a time that was not asked for"),
        (matrix((-1.0, "1")), "values of a time that was not asked for"),
    ],
)
def test_a_range_that_is_none(answer: Any, problem: str) -> None:
    assert f"{NO_RANGE}{problem}" in said_of(answer)


def test_a_history_that_begins_earlier_than_was_asked_for() -> None:
    """As with VictoriaMetrics, which moves times by less than a step."""

    def earlier(expr: str, given: Mapping[str, str]) -> tuple[int, Any]:
        step = float(given["step"])
        return (
            (200, matrix(*((at - step / 2, "1") for at in moments(given))))
            if expr.startswith("count(")
            else (200, matrix())
        )

    with answering(prometheus(earlier)) as url:
        assert ran("--backtest", url, "--days", "1").exit_code == 0


@pytest.mark.parametrize("interval", [0.0, 1e-9, 1e308, -1.0])
@pytest.mark.parametrize("value", ["0s", f"{'9' * 400}ms", "2026-13-99", "&a [*a]"])
def test_intervals_that_no_group_has(interval: float, value: str) -> None:
    groups = {"groups": [{"name": "vault-core", "interval": interval}]}

    def answer(path: str, given: Mapping[str, str]) -> tuple[int, Any]:
        if path == "/api/v1/status/config":
            return 200, {"status": "success", "data": {"yaml": f"global: {{evaluation_interval: {value}}}"}}
        if path == "/api/v1/rules":
            return 200, {"status": "success", "data": groups}
        if path == "/api/v1/query" and given["query"] != "vector(1)":
            samples = [{"metric": {}, "value": [1, "1e999"]}]
            return 200, {"status": "success", "data": {"resultType": "vector", "result": samples}}
        return prometheus(always)(path, given)

    with answering(answer) as url:
        assert ran("--backtest", url, "--days", "1").exit_code == 0


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("groups: [{name: 2026-13-99}]", id="no date"),
        pytest.param(f"x:\n  a0: &a0 [x]\n{MULTIPLYING}\ngroups: *a11", id="many aliases"),
        pytest.param("groups: &a [*a]", id="a list within itself"),
        pytest.param(f"groups: [{{name: a, interval: {'1:' * 100_000}1}}]", id="a number in base 60"),
        pytest.param(f"groups: {'[' * 5000}{']' * 5000}", id="deep"),
        pytest.param(f"groups: [{{name: a, interval: {'9' * 400}ms}}]", id="a long duration"),
    ],
)
def test_a_file_of_rules_that_is_none(tmp_path: Path, text: str) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(text)
    with answering(prometheus(always)) as url:
        result = ran("--backtest", url, "--days", "1", "--against", str(rules))
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith((str(rules), "'9999"))


def test_recording_rules_that_multiply_and_a_name_that_steers_a_terminal(tmp_path: Path) -> None:
    recorded = [{"record": f"r{level}", "expr": " + ".join([f"r{level - 1}"] * 9)} for level in range(1, 10)]
    alert = {"alert": "A\x1b[2J", "expr": "r9 > 0"}
    rules = tmp_path / "rules.yml"
    rules.write_text(json.dumps({"groups": [{"name": "old", "rules": [*recorded, alert]}]}))
    with answering(prometheus(always)) as url:
        result = ran("--backtest", url, "--days", "1", "--against", str(rules))
    assert result.exit_code == 0
    assert "A?[2J: with its recording rules it is longer than" in result.stdout


@pytest.mark.parametrize("value", ["2026-13-99", "&a [*a]"])
def test_overrides_that_are_none(tmp_path: Path, value: str) -> None:
    overrides = tmp_path / "overrides.yml"
    overrides.write_text(f"memory_limit_bytes: {value}\n")
    result = ran("--overrides", str(overrides))
    assert (result.exit_code, result.stdout) == (3, "")
    assert result.stderr.startswith(f"{overrides}:1: invalid YAML: ")
