"""Counters and summaries kept going: what is published after each of a few small pages."""

from typing import Final

import pytest

from tests.scrape.telemetry.reading import check, counts, family, lines, samples_of, summary, telemetry
from vault_exporter.metrics.exposition import Format
from vault_exporter.scrape.telemetry import TelemetryPage, TelemetryRepair

GAUGE = family("vault_g", "gauge", " 7")
"""Keeps a page from being empty."""


def put(target: TelemetryRepair, *families: str) -> TelemetryPage:
    page = target.repair("".join(families).encode())
    check(page)
    return page


def counter(value: str | None, labels: str = "") -> str:
    return "" if value is None else family("vault_c", "counter", f"{labels} {value}")


@pytest.mark.parametrize(
    ("raw", "published"),
    [
        (["3", None, "1"], ["3", "3", "4"]),
        (["3", None, None, "1", "2"], ["3", "3", "3", "4", "5"]),
        (["3", None, "1", None, "1"], ["3", "3", "4", "4", "5"]),
        (["3", None, "3"], ["3", "3", "6"]),
        (["3", None, "10"], ["3", "3", "13"]),
        (["5", "2", "4"], ["5", "7", "9"]),
        (["5", "2", None, "1"], ["5", "7", "7", "8"]),
        (["0", None, "0"], ["0", "0", "0"]),
        (["1.5", None, "0.25"], ["1.5", "1.5", "1.75"]),
        (["1e+06", None, "1"], ["1e+06", "1000000", "1000001"]),
        (
            ["9.007199254740992e+15", None, "1e+10"],
            ["9.007199254740992e+15", "9007199254740992.0", "9007209254740992.0"],
        ),
        ([None, "1", "2"], [None, "1", "2"]),
        (["3", "NaN", "4", None, "1"], ["3", "NaN", "4", "4", "5"]),
        (["3", "+Inf", "4"], ["3", "+Inf", "4"]),
        (["3", "-1", "4"], ["3", "-1", "4"]),
        (["3", None, "NaN", "2"], ["3", "3", "NaN", "5"]),
    ],
)
@pytest.mark.parametrize("labels", ["", '{mount_point="a\\"b\\\\,c{}\\n"}'], ids=["bare", "labelled"])
def test_a_counter(raw: list[str | None], published: list[str | None], labels: str) -> None:
    target = telemetry()
    shown: list[str | None] = []
    for value in raw:
        page = put(target, GAUGE, counter(value, labels))
        found = [line.rpartition(" ")[2] for line in lines(page.render(Format.TEXT)) if line.startswith("vault_c")]
        shown.append(found[0] if found else None)
        away = value is None and found != []
        changed = bool(found) and not away and found != [value]
        assert page.samples == 1 + len(found)
        assert page.repaired["held"] == away
        assert page.repaired["continued"] >= changed
        assert page.tracked == len(found)
    assert shown == published


def test_counts_follow_each_step() -> None:
    target = telemetry()
    two = family("vault_c", "counter", '{m="a"} 2', '{m="b"} 5')
    one = family("vault_c", "counter", '{m="b"} 6')
    back = family("vault_c", "counter", '{m="a"} 1', '{m="b"} 6')
    assert counts(put(target, two)) == (2, 2, {}, {})
    page = put(target, one)
    assert counts(page) == (2, 2, {}, {"held": 1})
    assert samples_of(page) == {'vault_c{m="a"}': 2, 'vault_c{m="b"}': 6}
    page = put(target, back)
    assert counts(page) == (2, 2, {}, {"continued": 1})
    assert samples_of(page) == {'vault_c{m="a"}': 3, 'vault_c{m="b"}': 6}
    assert counts(put(target, GAUGE)) == (3, 2, {}, {"held": 2})
    page = put(target, GAUGE, one)
    assert counts(page) == (3, 2, {}, {"held": 1, "continued": 1})
    assert samples_of(page) == {"vault_g": 7, 'vault_c{m="a"}': 3, 'vault_c{m="b"}': 12}


@pytest.mark.parametrize("labels", ["", 'm="x"'])
def test_a_summary_goes_on_as_one(labels: str) -> None:
    target, whole = telemetry(), f"{{{labels}}}" if labels else ""

    def shown(page: TelemetryPage) -> tuple[float, float, int, dict[str, int], bool]:
        values = samples_of(page)
        _, tracked, _, repaired = counts(page)
        quantile = any("quantile" in series for series in values)
        return values[f"vault_s_sum{whole}"], values[f"vault_s_count{whole}"], tracked, repaired, quantile

    assert shown(put(target, GAUGE, summary("vault_s", 2.5, 3, labels))) == (2.5, 3, 1, {}, True)
    assert shown(put(target, GAUGE)) == (2.5, 3, 1, {"held": 2}, False)
    assert shown(put(target, GAUGE, summary("vault_s", 4, 1, labels))) == (6.5, 4, 1, {"continued": 2}, True)
    # Fewer observations, and then as many with another sum: each time a new life.
    assert shown(put(target, GAUGE, summary("vault_s", 5, 3, labels))) == (7.5, 6, 1, {"continued": 2}, True)
    assert shown(put(target, GAUGE, summary("vault_s", 1, 2, labels))) == (8.5, 8, 1, {"continued": 2}, True)
    assert shown(put(target, GAUGE, summary("vault_s", 2, 2, labels))) == (10.5, 10, 1, {"continued": 2}, True)
    # More observations with a smaller sum.
    assert shown(put(target, GAUGE, summary("vault_s", 0.5, 3, labels))) == (11, 13, 1, {"continued": 2}, True)


def usual(name: str, total: str, count: str, quantile: str = "0.25") -> str:
    """Return a summary with the series that nearly all of Vault's have."""
    quantiles = [f'{{quantile="{level}"}} {quantile}' for level in ("0.5", "0.9", "0.99")]
    return family(name, "summary", *quantiles, f"_sum {total}", f"_count {count}")


HELD: Final = {"vault_s_sum": 1.5, "vault_s_count": 2}


@pytest.mark.parametrize(
    ("later", "shown"),
    [
        (usual("vault_s", "2.5", "3"), {"vault_s_sum": 2.5, "vault_s_count": 3}),
        (usual("vault_s", "1.5", "2", "0.5"), HELD),
        (usual("vault_s", "0.5", "3"), {"vault_s_sum": 2, "vault_s_count": 5}),
        (usual("vault_s", "2.5", "1"), {"vault_s_sum": 4, "vault_s_count": 3}),
        (usual("vault_s", "2.5", "3", "-1"), {"vault_s_sum": 2.5, "vault_s_count": 3}),
        (usual("vault_s", "2.5", "2.75"), {"vault_s_sum": 2.5, "vault_s_count": 2.75}),
        (usual("vault_s", "2_5", "3"), {"vault_s_count": 3}),
        (usual("vault_s", "+Inf", "3"), {"vault_s_sum": float("inf"), "vault_s_count": 3}),
        (
            usual("vault_s", "2.5", "3").replace("\nvault_s", "\nvault_t"),
            HELD | {"vault_t_sum": 2.5, "vault_t_count": 3},
        ),
        (usual("vault_s", "2.5", "3").replace('"0.9"', '"0.95"'), {"vault_s_sum": 2.5, "vault_s_count": 3}),
        (
            usual("vault_s", "2.5", "3").replace("_sum 2.5\nvault_s", "_sum 2.5\nvault_t"),
            {"vault_s_sum": 2.5, "vault_t_count": 3},
        ),
    ],
    ids=lambda case: case.partition("\n")[0] if isinstance(case, str) else "",
)
def test_a_summary_with_the_usual_series(later: str, shown: dict[str, float]) -> None:
    target = telemetry()
    for page in (usual("vault_s", "0.5", "1"), usual("vault_s", "1.5", "2")):
        put(target, page)
    values = samples_of(put(target, later))
    assert {series: value for series, value in values.items() if "quantile" not in series} == shown


def test_the_usual_series_instead_of_others_are_other_series() -> None:
    target = telemetry()
    labelled = usual("vault_s", "1.5", "2").replace("{", '{m="a",')
    labelled = labelled.replace("_sum", '_sum{m="a"}').replace("_count", '_count{m="a"}')
    put(target, labelled)
    put(target, labelled.replace("1.5", "2.5").replace(" 2\n", " 3\n"))
    values = samples_of(page := put(target, usual("vault_s", "3.5", "4")))
    shown = {series: value for series, value in values.items() if "quantile" not in series}
    assert shown == {'vault_s_sum{m="a"}': 2.5, 'vault_s_count{m="a"}': 3, "vault_s_sum": 3.5, "vault_s_count": 4}
    assert page.tracked == 2


def test_a_histogram_goes_on_as_one() -> None:
    def histogram(low: int, high: int, total: float) -> str:
        buckets = [f'_bucket{{le="1"}} {low}', f'_bucket{{le="+Inf"}} {high}']
        return family("vault_h", "histogram", *buckets, f"_sum {total}", f"_count {high}")

    target = telemetry()
    assert counts(put(target, GAUGE, histogram(2, 3, 4.5))) == (5, 1, {}, {})
    page = put(target, GAUGE)
    assert counts(page) == (5, 1, {}, {"held": 4})
    assert lines(page.render(Format.TEXT))[1:] == lines(histogram(2, 3, 4.5).encode())
    page = put(target, GAUGE, histogram(1, 1, 0.5))
    assert counts(page) == (5, 1, {}, {"continued": 4})
    assert lines(page.render(Format.TEXT))[1:] == lines(histogram(3, 4, 5).encode())


def test_gauges_quantiles_and_untyped_are_never_held() -> None:
    target = telemetry()
    untyped = family("vault_u", "untyped", " 3")
    other = family("vault_other", "gauge", '{id="1"} 2', '{id="2"} 3')
    assert counts(put(target, GAUGE, other, untyped, summary("vault_s", 1, 1))) == (7, 1, {}, {})
    page = put(target, GAUGE, family("vault_other", "gauge", '{id="2"} 1'))
    assert samples_of(page) == {"vault_g": 7, 'vault_other{id="2"}': 1, "vault_s_sum": 1, "vault_s_count": 1}
    assert counts(page) == (4, 1, {}, {"held": 2})


def test_the_servers_process_is_never_held() -> None:
    target = telemetry()
    cpu = family("process_cpu_seconds_total", "counter", " 5")
    assert counts(put(target, GAUGE, cpu)) == (2, 0, {}, {"renamed": 1})
    assert counts(put(target, GAUGE)) == (1, 0, {}, {})
    page = put(target, GAUGE, cpu.replace(" 5", " 1"))
    assert samples_of(page) == {"vault_g": 7, "vault_process_cpu_seconds_total": 1}


def process(started: str, cpu: float) -> str:
    start = family("process_start_time_seconds", "gauge", f" {started}")
    return family("process_cpu_seconds_total", "counter", f" {cpu:g}") + start


@pytest.mark.parametrize(
    ("later", "restarted"),
    [
        (process("1.7e+09", 10), False),
        (process("1.700000001e+09", 20), False),
        (process("1.700000001e+09", 1), True),
        (process("1.7000001e+09", 20), True),
        ("process_start_time_seconds 1.7000001e+09\nprocess_cpu_seconds_total 20\n", True),
        (process("NaN", 1), False),
        ("", False),
    ],
    ids=["same", "clock slewed", "quick restart", "restart", "restart, no comments", "no start", "no process"],
)
def test_a_restart_of_vault_forgets_everything(later: str, restarted: bool) -> None:  # noqa: FBT001 - a parameter
    target = telemetry()
    gone = family("vault_gone", "counter", " 4")
    put(target, process("1.7e+09", 10), counter("5"), gone)
    shown = samples_of(page := put(target, later, counter("2")))
    assert shown["vault_c"] == (2 if restarted else 7)
    assert shown.get("vault_gone") == (None if restarted else 4)
    assert page.tracked == (1 if restarted else 2)
    assert page.repaired["held"] == (not restarted)
    assert page.repaired["continued"] == (not restarted)


@pytest.mark.parametrize(
    "between",
    [
        b"",
        b"\n\n",
        b"\0",
        b"\xff\xfe\n",
        b"<html>502 Bad Gateway</html>\n",
        b'{"errors":["sealed"]}\n',
        b"# only\n",
        b"x",
    ],
)
def test_a_page_without_telemetry_in_between_changes_nothing(between: bytes) -> None:
    target = telemetry()
    put(target, GAUGE, counter("3"), summary("vault_s", 1, 2))
    page = target.repair(between)
    check(page)
    lost = sum(bool(line.strip()) and not line.startswith(b"#") for line in between.split(b"\n"))
    assert counts(page) == (0, 2, {"invalid": lost} if lost else {}, {})
    page = put(target, GAUGE, counter("4"), summary("vault_s", 2, 3))
    assert counts(page) == (5, 2, {}, {})
    assert lines(page.render(Format.TEXT)) == lines((GAUGE + counter("4") + summary("vault_s", 2, 3)).encode())


def test_a_family_that_changes_its_help_goes_on_and_one_that_changes_its_type_starts_anew() -> None:
    target = telemetry()
    put(target, counter("3"))
    put(target, GAUGE)
    page = put(target, counter("1").replace("HELP vault_c vault_c", "HELP vault_c Other"))
    assert samples_of(page) == {"vault_c": 4}
    page = put(target, family("vault_c", "gauge", " 1"))
    assert samples_of(page) == {"vault_c": 1}
    assert counts(page) == (1, 0, {}, {})
    assert samples_of(put(target, counter("2"))) == {"vault_c": 2}


def test_labels_in_another_order_are_the_same_series() -> None:
    target = telemetry()
    put(target, counter("3", '{a="1",b="2"}'))
    put(target, GAUGE)
    page = put(target, counter("1", '{b="2",a="1"}'))
    assert samples_of(page) == {'vault_c{b="2",a="1"}': 4}
    assert counts(page) == (1, 1, {}, {"continued": 1})
    page = put(target, GAUGE)
    assert samples_of(page) == {"vault_g": 7, 'vault_c{b="2",a="1"}': 4}
