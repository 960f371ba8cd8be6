"""The checker of expressions finds what it is for."""

import pytest

from tests.alerts.promql import selectors, unknown


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("vault_up == 0", []),
        ('sum by (reason) (vault_up_failure_reason{job="vault"})', []),
        ("rate(vault_audit_entries_total[5m])", []),
        ("vault_upp == 0", ["metric vault_upp"]),
        ("max_over_time(vault_upp[5m]) or vault_up", ["metric vault_upp"]),
        ('vault_up{reason="dns"}', ["label reason of vault_up"]),
        ('rate(vault_audit_entries_total{path="secret"}[5m])', ["label path of vault_audit_entries_total"]),
        ("sum by (path) (vault_up)", ["label path"]),
        ("vault_up and on (node) vault_sealed", ["label node"]),
        ("vault_up * on (instance) group_left (product) vault_info", ["label product"]),
        ("absent(nothing) or (1 - nothing)", ["metric nothing", "metric nothing"]),
        ("max_over_time(rate(nothing[1m])[5m:])", ["metric nothing"]),
        ('{__name__="vault_up"}', ["metric "]),
    ],
)
def test_unknown(expr: str, expected: list[str]) -> None:
    assert unknown(expr) == expected


def test_a_selector_with_a_range_counts_once() -> None:
    assert [selector.name for selector in selectors("rate(up[1m]) + up")] == ["up", "up"]
