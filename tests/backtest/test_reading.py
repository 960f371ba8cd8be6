"""What a backtest reads from expressions and rules, and how it compares firings; none needs a server."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from vault_exporter.alert_rules import Profile, load, select
from vault_exporter.diagnose.backtest.compare import Changes, compared
from vault_exporter.diagnose.backtest.promql import kept_matchers, later, selectors
from vault_exporter.diagnose.backtest.rules import Alert, RuleGroup, intervals_of, of_file, of_pack, prepared
from vault_exporter.diagnose.backtest.run import Outcome
from vault_exporter.diagnose.backtest.states import Firing


@pytest.mark.parametrize(
    "expr",
    ["max_over_time((a > 1)[10m:1m])", "a[10m:1m]", "max_over_time((a)[5m:])", "avg_over_time((a)[10m:15s] offset 5m)"],
)
def test_the_step_of_a_subquery_is_no_series(expr: str) -> None:
    assert [one.name for one in selectors(expr)] == ["a"]


def test_the_pack_selects_only_named_series() -> None:
    alerts = _prepared(of_pack(select(load(), Profile.ALL)))
    assert len(alerts) > 50
    assert [one.name for alert in alerts for one in selectors(alert.expr) if one.name.startswith(":")] == []


@pytest.mark.parametrize(
    ("matchers", "kept"),
    [
        ('{job=~"vault-[a-z]{1,3}",instance="x"}', '{job=~"vault-[a-z]{1,3}"}'),
        ('{path="job=\\"a\\",b", job!="c,d"}', '{job!="c,d"}'),
        ("{job='a,b'}", "{job='a,b'}"),
        ('{instance="x"}', "{}"),
        ("", "{}"),
    ],
)
def test_values_of_matchers_may_have_commas_and_braces(matchers: str, kept: str) -> None:
    assert kept_matchers(matchers, {"job"}) == kept


def test_rules_that_record_one_name_stand_together(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("""
groups:
  - name: g
    rules:
      - {record: r, expr: a, labels: {of: x}}
      - {record: r, expr: b, labels: {of: 'y"$1'}}
      - {alert: A, expr: r > 1}
""")
    (alert,) = _prepared(of_file(rules))
    assert " ".join(alert.expr.split()) == (
        '( ( label_replace( a , "of", "x", "", "") ) or ( label_replace( b , "of", "y\\"$$1", "", "") ) ) > 1'
    )


def test_a_range_of_a_recorded_series_is_taken_at_the_evaluations_of_its_group(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text("""
groups:
  - name: g
    rules:
      - {record: r, expr: "max(a{of='x'}) or rate(b[5m])"}
      - {record: nested, expr: "max_over_time(a[5m:1m])"}
      - {alert: A, expr: "avg_over_time(r[3m]) > 1"}
      - {alert: Moved, expr: "avg_over_time(r[3m] offset 1h) > 1"}
      - {alert: Nested, expr: "avg_over_time(nested[3m]) > 1"}
""")
    assert [" ".join(one.expr.split()) for one in _prepared(of_file(rules), 7)] == [
        "avg_over_time(( max(a{of='x'} offset -7ms) or rate(b[5m] offset -7ms) )[3m:60000ms] offset 7ms) > 1",
        "avg_over_time(( max(a{of='x'}) or rate(b[5m]) )[3m:60000ms] offset 1h) > 1",
        "avg_over_time(( max_over_time(a[5m:1m]) )[3m:60000ms]) > 1",
    ]
    assert "offset" not in _prepared(of_file(rules))[0].expr


@pytest.mark.parametrize(
    "expr", ["a offset 5m", "a @ 100", "max_over_time((a)[5m:])", "time() - a", "a and hour() > 8", "(a)[1h:1m]"]
)
def test_an_expression_that_says_its_time_is_not_taken_later(expr: str) -> None:
    assert later(expr, 7) is None


def test_texts_and_comments_are_not_read_as_expressions() -> None:
    assert later('a{of="x offset @ [1m:1m]"} # time()\n', 7) == 'a{of="x offset @ [1m:1m]"} offset -7ms # time()\n'


def test_alerts_of_one_name_with_two_severities_are_compared_each() -> None:
    warning, critical = _outcome("warning"), _outcome("critical")
    both = (warning, critical)
    assert compared(both, both) == Changes((), (), ())
    assert compared((warning,), both) == Changes(critical.firings, (), ())
    assert compared(both, (warning,)) == Changes((), critical.firings, ())
    assert compared((warning,), (critical,)) == Changes((), (), ((warning.firings[0], critical.firings[0]),))


def _prepared(groups: Sequence[RuleGroup], phase: int = 0) -> tuple[Alert, ...]:
    return prepared(groups, intervals_of(groups, {}, 60.0), {one.name: phase for one in groups})


def _outcome(severity: str) -> Outcome:
    firing = Firing((("alertname", "X"), ("severity", severity)), 0, 10)
    return Outcome(Alert("X", "g", "x > 1", 1000), (firing,))
