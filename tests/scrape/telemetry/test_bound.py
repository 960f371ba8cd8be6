"""``max_tracked_series``: what is beyond it is passed on as it is."""

import pytest

from tests.scrape.telemetry.reading import counts, family, samples_of, summary, telemetry
from vault_exporter.scrape.telemetry import TelemetryPage, TelemetryRepair

GAUGE = family("vault_g", "gauge", " 7")


def put(target: TelemetryRepair, **values: int) -> TelemetryPage:
    """Repair a page with these values of ``vault_c``."""
    its_lines = [f'{{m="{label}"}} {value}' for label, value in values.items()]
    return target.repair((GAUGE + (family("vault_c", "counter", *its_lines) if its_lines else "")).encode())


def shown(page: TelemetryPage) -> dict[str, float]:
    values = samples_of(page)
    return {
        series.removeprefix('vault_c{m="').removesuffix('"}'): value
        for series, value in values.items()
        if series != "vault_g"
    }


def test_further_ones_are_passed_on_as_they_are() -> None:
    target = telemetry(max_tracked_series=2)
    assert counts(put(target, a=3, b=3, c=3, d=3)) == (5, 2, {}, {})
    page = put(target)
    assert shown(page) == {"a": 3, "b": 3}
    assert counts(page) == (3, 2, {}, {"held": 2})
    page = put(target, a=1, b=1, c=1, d=1)
    assert shown(page) == {"a": 4, "b": 4, "c": 1, "d": 1}
    assert counts(page) == (5, 2, {}, {"continued": 2})


def test_those_that_are_there_are_not_given_up_for_new_ones() -> None:
    target = telemetry(max_tracked_series=1)
    put(target, a=3)
    page = put(target, z=9, a=1)
    assert shown(page) == {"z": 9, "a": 4}
    assert counts(page) == (3, 1, {}, {"continued": 1})


def test_those_away_the_longest_make_room() -> None:
    target = telemetry(max_tracked_series=2)
    put(target, a=1, b=2)
    put(target, b=2)
    put(target)
    page = put(target, c=5)
    assert shown(page) == {"b": 2, "c": 5}
    assert counts(page) == (3, 2, {}, {"held": 1})
    page = put(target, a=1, b=1, c=6)
    assert shown(page) == {"a": 1, "b": 3, "c": 6}
    assert counts(page) == (4, 2, {}, {"continued": 1})


def test_none_is_tracked_when_there_is_no_room_at_all() -> None:
    target = telemetry(max_tracked_series=0)
    assert counts(put(target, a=3)) == (2, 0, {}, {})
    assert counts(put(target)) == (1, 0, {}, {})
    assert shown(put(target, a=1)) == {"a": 1}


def test_a_summary_counts_once() -> None:
    target = telemetry(max_tracked_series=2)
    native = [summary(f"vault_{name}", 1, 1) for name in ("r", "s", "t")]
    assert counts(target.repair("".join(native).encode())) == (9, 2, {}, {})
    page = target.repair(GAUGE.encode())
    assert counts(page) == (5, 2, {}, {"held": 4})
    assert samples_of(page).keys() == {"vault_g", "vault_r_sum", "vault_r_count", "vault_s_sum", "vault_s_count"}


def test_long_labels_do_not_add_up() -> None:
    target = telemetry()
    for step in range(40):
        put(target, **{f"{step}{'x' * 500_000}": 1})
    page = put(target)
    assert page.repaired["held"] == page.tracked == (8 << 20) // 500_000
    assert f"39{'x' * 500_000}" in shown(page)


@pytest.mark.parametrize("limit", [1, 10, 100])
def test_the_bound_holds_as_series_come_and_go(limit: int) -> None:
    target = telemetry(max_tracked_series=limit)
    for step in range(60):
        page = put(target, **{f"s{step * 5 + place}": 1 for place in range(5)})
        assert page.tracked == min(limit, 5 * step + 5)
        assert page.samples == 1 + max(5, page.tracked)
        assert len(shown(page)) == page.samples - 1
