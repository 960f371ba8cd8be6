"""Rendering: both formats, by the letter and by independent parsers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from vault_exporter.metrics import EOF, Family, Format, negotiate, render

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


@given(st.lists(st.tuples(st.text(), st.text()), unique=True, min_size=1), st.floats(allow_nan=False))
def test_hostile_labels_come_back_from_both_parsers(labels: list[tuple[str, str]], value: float) -> None:
    samples = [GAUGE(value, *pair) for pair in labels]
    (text,) = parse_text(render(samples, Format.TEXT).decode())
    (openmetrics,) = parse_openmetrics((render(samples, Format.OPENMETRICS) + EOF).decode())
    expected = [{"disk": disk, "path": path} for disk, path in labels]
    assert [sample.labels for sample in text.samples] == expected
    assert [sample.labels for sample in openmetrics.samples] == expected
    assert {sample.value for sample in openmetrics.samples} == {value}


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
