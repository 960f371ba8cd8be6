"""Rendering: both formats, by the letter and by independent parsers."""

import math
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from vault_exporter.metrics.exposition import EOF, Format, add_label, negotiate, render
from vault_exporter.metrics.family import Distribution, Exemplar, Family

Parser = Callable[[str], Iterable[Metric]]

GAUGE = Family("disk_free_bytes", "gauge", 'Free "space"\non \\ disks.', "test", ("disk", "path"))
COUNTER = Family("writes_total", "counter", "Writes.", "test")


def test_text_format() -> None:
    page = render([GAUGE(1.5, "a", "/x"), COUNTER(3), GAUGE(2, 'q"', "a\\b\nc")], Format.TEXT)
    assert page.decode() == (
        '# HELP disk_free_bytes Free "space"\\non \\\\ disks.\n'
        "# TYPE disk_free_bytes gauge\n"
        'disk_free_bytes{disk="a",path="/x"} 1.5\n'
        'disk_free_bytes{disk="q\\"",path="a\\\\b\\nc"} 2\n'
        "# HELP writes_total Writes.\n"
        "# TYPE writes_total counter\n"
        "writes_total 3\n"
    )


def test_openmetrics_names_a_counter_without_its_suffix_and_escapes_quotes_in_help() -> None:
    page = render([GAUGE(1, "a", "b"), COUNTER(3)], Format.OPENMETRICS)
    assert page.decode() == (
        '# HELP disk_free_bytes Free \\"space\\"\\non \\\\ disks.\n'
        "# TYPE disk_free_bytes gauge\n"
        'disk_free_bytes{disk="a",path="b"} 1\n'
        "# HELP writes Writes.\n"
        "# TYPE writes counter\n"
        "writes_total 3\n"
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "1"),
        (False, "0"),
        (0.1, "0.1"),
        (1e300, "1e+300"),
        (2**53, "9007199254740992.0"),
        (-5.0, "-5"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_values(value: float, text: str) -> None:
    assert render([COUNTER(value)], Format.TEXT).decode().splitlines()[-1] == f"writes_total {text}"


def test_a_sample_needs_every_label() -> None:
    with pytest.raises(ValueError, match="disk_free_bytes has labels"):
        GAUGE(1, "a")


def test_nothing_renders_as_nothing() -> None:
    assert render([], Format.TEXT) == b""


TEXTS = st.text(st.characters(exclude_categories=("Cc", "Cs"), include_characters="\n"))


@given(st.lists(st.tuples(TEXTS, TEXTS), unique=True, min_size=1), st.floats(allow_nan=False))
def test_hostile_labels_come_back_from_both_parsers(labels: list[tuple[str, str]], value: float) -> None:
    samples = [GAUGE(value, *pair) for pair in labels]
    (text,) = parse_text(render(samples, Format.TEXT).decode())
    (openmetrics,) = parse_openmetrics((render(samples, Format.OPENMETRICS) + EOF).decode())
    expected = [{"disk": disk, "path": path} for disk, path in labels]
    assert [sample.labels for sample in text.samples] == expected
    assert [sample.labels for sample in openmetrics.samples] == expected
    assert {sample.value for sample in openmetrics.samples} == {value}


def test_control_characters_are_written_so_that_they_can_be_seen() -> None:
    every = [GAUGE(1, f"a{character}b", "") for character in map(chr, (*range(32), *range(127, 160)))]
    for fmt in Format:
        page = render(every, fmt).decode()
        assert all(character.isprintable() or character == "\n" for character in page)
        assert 'disk="a\\\\x1bb"' in page
        assert 'disk="a\\\\x00b"' in page
        assert 'disk="a\\nb"' in page
        assert page.count("disk_free_bytes{") == len(every)


def test_a_mangled_byte_in_a_label_does_not_lose_the_page() -> None:
    assert b'disk="caf?"' in render([GAUGE(1, "caf\udce9", "")], Format.TEXT)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, Format.TEXT),
        ("", Format.TEXT),
        ("*/*", Format.TEXT),
        ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Format.TEXT),
        # Prometheus 2.42's own header.
        (
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
                "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
            ),
            Format.OPENMETRICS,
        ),
        # Prometheus 3's, with names beyond ASCII allowed.
        (
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,*/*;q=0.2"
            ),
            Format.OPENMETRICS,
        ),
    ],
)
def test_negotiation(accept: str | None, expected: Format) -> None:
    assert negotiate(accept) is expected


HISTOGRAM = Family("wait_seconds", "histogram", "Waits.", "test", ("disk",), (0.5, 1, 10))
WAITS = Distribution((1, 2, 0, 1), 20.25, (None, Exemplar((("request_id", "a-1"),), 0.7, 1795519873.5), None, None))


def test_a_histogram_in_text_format() -> None:
    assert render([HISTOGRAM(WAITS, "a")], Format.TEXT).decode() == (
        "# HELP wait_seconds Waits.\n"
        "# TYPE wait_seconds histogram\n"
        'wait_seconds_bucket{disk="a",le="0.5"} 1\n'
        'wait_seconds_bucket{disk="a",le="1.0"} 3\n'
        'wait_seconds_bucket{disk="a",le="10.0"} 3\n'
        'wait_seconds_bucket{disk="a",le="+Inf"} 4\n'
        'wait_seconds_count{disk="a"} 4\n'
        'wait_seconds_sum{disk="a"} 20.25\n'
    )


def test_a_histogram_in_openmetrics_has_exemplars() -> None:
    page = render([HISTOGRAM(WAITS, "a")], Format.OPENMETRICS).decode()
    assert 'wait_seconds_bucket{disk="a",le="1.0"} 3 # {request_id="a-1"} 0.7 1795519873.500\n' in page
    (family,) = parse_openmetrics(page + EOF.decode())
    assert family.type == "histogram"
    assert [sample.value for sample in family.samples] == [1, 3, 3, 4, 4, 20.25]
    (exemplar,) = [sample.exemplar for sample in family.samples if sample.exemplar]
    assert (exemplar.labels, exemplar.value, float(exemplar.timestamp)) == ({"request_id": "a-1"}, 0.7, 1795519873.5)


def test_both_formats_have_the_same_series() -> None:
    pages = [render([HISTOGRAM(WAITS, "a"), HISTOGRAM(WAITS, "b")], fmt).decode() for fmt in Format]
    series = [[line.split(" ")[0] for line in page.splitlines() if not line.startswith("#")] for page in pages]
    assert series[0] == series[1]


def test_an_exemplar_that_is_too_long_is_left_out() -> None:
    long = Distribution((1, 0, 0, 0), 0.1, (Exemplar((("request_id", "x" * 119),), 0.1, 1.0), None, None, None))
    assert " # {" not in render([HISTOGRAM(long, "a")], Format.OPENMETRICS).decode()


def test_a_long_label_is_cut() -> None:
    page = render([HISTOGRAM(WAITS, "a" * 1025), HISTOGRAM(WAITS, "b" * 1024)], Format.TEXT).decode()
    assert f'wait_seconds_count{{disk="{"a" * 1021}..."}} 4\n' in page
    assert f'wait_seconds_count{{disk="{"b" * 1024}"}} 4\n' in page


def test_a_value_is_of_its_family_s_type() -> None:
    with pytest.raises(ValueError, match="wait_seconds is a histogram, got int"):
        HISTOGRAM(1, "a")
    with pytest.raises(ValueError, match="writes_total is a counter, got Distribution"):
        COUNTER(WAITS)


QUEUE = Family("wait_seconds", "histogram", 'Waits, {cluster="x"}.', "test", ("queue",), (0.1, 1.0))
OWN = Family("members", "gauge", "Members.", "test", ("zone", "cluster"))


@given(value=st.text(), label=st.text())
@pytest.mark.parametrize(("fmt", "parse"), [(Format.TEXT, parse_text), (Format.OPENMETRICS, parse_openmetrics)])
def test_a_label_is_added_to_what_has_none_of_its_name(fmt: Format, parse: Parser, value: str, label: str) -> None:
    value, label = value.encode("utf-8", "replace").decode(), f'{label},cluster="'
    spread = Distribution((1, 2, 3), 4.5, (Exemplar((("request_id", "a"),), 0.05, 1.0), None, None))
    page = render([COUNTER(3), GAUGE(1, label, "b"), QUEUE(spread, label), OWN(2, "z", "c")], fmt)
    end = EOF if fmt is Format.OPENMETRICS else b""
    before, after = (
        [sample for family in parse((text + end).decode()) for sample in family.samples]
        for text in (page, add_label(page, "cluster", value))
    )
    assert [sample.labels for sample in after] == [{"cluster": value} | sample.labels for sample in before]
    assert [sample._replace(labels={}) for sample in after] == [sample._replace(labels={}) for sample in before]


def test_a_label_is_added_to_empty_braces() -> None:
    page = b"# TYPE a gauge\na{} 1\n# TYPE b gauge\n# TYPE c gauge\nc 2\n"
    assert add_label(page, "cluster", "prod") == (
        b'# TYPE a gauge\na{cluster="prod"} 1\n# TYPE b gauge\n# TYPE c gauge\nc{cluster="prod"} 2\n'
    )
