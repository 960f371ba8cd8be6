"""Text that Vault would not write: never an error, always a page that both parsers accept, every lost line counted."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.scrape.telemetry.reading import PAGES, check, counts, families_of, family, lines, samples_of, telemetry
from vault_exporter.metrics.exposition import Format

GAUGE = family("vault_g", "gauge", " 7")


@pytest.mark.parametrize(
    ("text", "shown", "dropped"),
    [
        (b"vault_x 1\n", ["vault_x 1"], {}),
        (b"vault_x 1\r\nvault_y 2\r\n", ["vault_x 1", "vault_y 2"], {}),
        (b"vault_x 1", ["vault_x 1"], {}),
        (b"vault_x 1\nvault_y 2", ["vault_x 1", "vault_y 2"], {}),
        (b"vault_x 1\nvault_y", ["vault_x 1"], {"invalid": 1}),
        (b"vault_x 1\nvault_x 2\n", ["vault_x 1"], {"invalid": 1}),
        (b'vault_x{a=""} 1\nvault_x 2\n', ['vault_x{a=""} 1'], {"invalid": 1}),
        (b'vault_x{b="2",a="1"} 1\nvault_x{a="1",b="2"} 2\n', ['vault_x{b="2",a="1"} 1'], {"invalid": 1}),
        (b'vault_x{a="1",a="2"} 1\n', [], {"invalid": 1}),
        (b'vault_x{a="\xff"} 1\nvault_y 2\n', ["vault_y 2"], {"invalid": 1}),
        (b'vault_x{a="\0"} 1\nvault_y 2\n', ["vault_y 2"], {"invalid": 1}),
        (b'vault_x{__name__="y"} 1\n', [], {"invalid": 1}),
        ('vault_x{a="ü\u2028"} 1\n'.encode(), ['vault_x{a="ü\u2028"} 1'], {}),
        (rb'vault_x{a="q\"b\\n\n{},= #"} 1' + b"\n", [r'vault_x{a="q\"b\\n\n{},= #"} 1'], {}),
        (b'vault_x{a="1\n2"} 1\nvault_y 2\n', ["vault_y 2"], {"invalid": 2}),
        (rb'vault_x{a="\t"} 1' + b"\n", [], {"invalid": 1}),
        (b'  vault_x { a = "1" , } \t 1  \n', ['vault_x{a="1"} 1'], {}),
        (b"vault_x{} 1\n", ["vault_x 1"], {}),
        (b"vault_x 1 1700000000000\n", ["vault_x 1"], {}),
        (b'vault_x 1 1.7e9\nvault_x 2 -1.5 # {trace_id="a"} 1\n', ["vault_x 2"], {"invalid": 1}),
        (b'vault_x_total 1 # {trace_id="a b"} 0.5 1.5\n', ["vault_x_total 1"], {}),
        (b"vault_x 0x10\nvault_y 1_000\nvault_z one\n", [], {"invalid": 3}),
        (b"vault_x 1e999\nvault_y .5\nvault_z +1.E2\n", ["vault_y 0.5", "vault_z 100"], {"invalid": 1}),
        (b"vault_x nan\nvault_y -inf\nvault_z Infinity\n", ["vault_x NaN", "vault_y -Inf", "vault_z +Inf"], {}),
        (b"vault-x 1\n0x 1\n{} 1\n", [], {"invalid": 3}),
        (b"# TYPE vault_x\n# TYPE vault_x wonder\n# HELP\nvault_x 1\n", ["vault_x 1"], {"invalid": 3}),
        (b"# a comment\n#\n\n   \nvault_x 1\n# EOF\n", ["vault_x 1"], {}),
        (b"go_x 1\nvault_go_x 2\n", ["vault_go_x 2"], {"replaced": 1}),
        (b"python_x 1\nvault_python_x 2\n", ["vault_python_x 2"], {"replaced": 1}),
    ],
)
def test_a_line(text: bytes, shown: list[str], dropped: dict[str, int]) -> None:
    target = telemetry()
    for _ in range(2):
        page = target.repair(text)
        check(page)
        assert lines(page.render(Format.TEXT)) == shown
        assert counts(page) == (len(shown), 0, dropped, {})


def test_a_family_in_two_places_becomes_one() -> None:
    parts = family("vault_c", "counter", '{m="a"} 1'), GAUGE, family("vault_c", "counter", '{m="b"} 2', '{m="a"} 9')
    page = telemetry().repair("".join(parts).encode())
    check(page)
    expected = family("vault_c", "counter", '{m="a"} 1', '{m="b"} 2') + GAUGE
    assert page.render(Format.TEXT).decode() == expected
    assert counts(page) == (3, 2, {"invalid": 1}, {})


def test_the_first_type_counts_and_may_come_late() -> None:
    text = b"vault_c 3\n# TYPE vault_c counter\n# TYPE vault_c gauge\n# HELP vault_c First.\n# HELP vault_c Second.\n"
    page = telemetry().repair(text)
    check(page)
    assert page.render(Format.TEXT) == b"# HELP vault_c First.\n# TYPE vault_c counter\nvault_c 3\n"
    assert counts(page) == (1, 1, {}, {})


def test_two_summaries_mixed_up_are_told_apart() -> None:
    mixed = ['{m="a",quantile="0.5"} 1', '{m="b",quantile="0.5"} 2', '_sum{m="b"} 3', '_sum{m="a"} 4']
    mixed += ['_count{m="a"} 5', '_count{m="b"} 6', '{m="b"} 7', '{m="b",quantile="2"} 8']
    page = telemetry().repair(family("vault_s", "summary", *mixed).encode())
    check(page)
    assert lines(page.render(Format.TEXT)) == [f"vault_s{mixed[at]}" for at in (0, 3, 4, 1, 2, 5)]
    assert counts(page) == (6, 2, {"invalid": 2}, {})


def test_half_a_summary_is_passed_on_and_not_kept_going() -> None:
    target = telemetry()
    page = target.repair((GAUGE + family("vault_s", "summary", "_sum 1")).encode())
    check(page)
    assert counts(page) == (2, 0, {}, {})
    assert counts(target.repair(GAUGE.encode())) == (1, 0, {}, {})


def test_a_name_is_claimed_once() -> None:
    text = family("vault_s", "summary", "_sum 1", "_count 2") + family("vault_s_count", "gauge", " 3")
    page = telemetry().repair(text.encode())
    check(page)
    assert samples_of(page) == {"vault_s_sum": 1, "vault_s_count": 2}
    assert counts(page) == (2, 1, {"invalid": 1}, {})


@pytest.mark.parametrize(
    ("native", "kinds"),
    [
        (family("vault_c", "counter", " 1"), {"vault_c": "unknown"}),
        (family("vault_c_total", "counter", " 1"), {"vault_c": "counter"}),
        (family("vault_c_total", "counter", " -1"), {"vault_c_total": "unknown"}),
        (family("vault_c_total", "counter", " NaN"), {"vault_c_total": "unknown"}),
        (family("vault_c_total", "gauge", " 1"), {"vault_c_total": "gauge"}),
        (family("vault_u", "untyped", " 1"), {"vault_u": "unknown"}),
        (
            family("vault_c", "counter", " 1") + family("vault_c_total", "counter", " 2"),
            {"vault_c": "unknown", "vault_c_total": "unknown"},
        ),
        (
            family("vault_c", "gauge", " 1") + family("vault_c_total", "counter", " 2"),
            {"vault_c": "gauge", "vault_c_total": "unknown"},
        ),
        (
            family("vault_c_created", "gauge", " 1") + family("vault_c_total", "counter", " 2"),
            {"vault_c_created": "gauge", "vault_c_total": "unknown"},
        ),
        (
            family("vault_s", "summary", "_sum -1", "_count 1"),
            {"vault_s_sum": "unknown", "vault_s_count": "unknown"},
        ),
        (
            family("vault_h", "histogram", '_bucket{le="1"} 1', "_sum 1", "_count 1"),
            {"vault_h_bucket": "unknown", "vault_h_sum": "unknown", "vault_h_count": "unknown"},
        ),
    ],
)
def test_openmetrics_types(native: str, kinds: dict[str, str]) -> None:
    page = telemetry().repair(native.encode())
    check(page)
    assert {name: metric.type for name, metric in families_of(page).items()} == kinds
    assert lines(page.render(Format.OPENMETRICS)) == lines(native.encode())
    assert page.dropped["invalid"] == 0


@pytest.mark.parametrize("text", [b'Say "\\x" \\\\ and \\n end', b"\\", b"\\\\", b'""', "ü".encode(), b"# EOF"])
def test_help_is_the_same_in_both_formats(text: bytes) -> None:
    page = telemetry().repair(b"# HELP vault_x " + text + b"\n# TYPE vault_x gauge\nvault_x 1\n")
    check(page)
    plain = text.decode().replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\")
    assert families_of(page)["vault_x"].documentation == plain


def test_a_backslash_that_escapes_nothing_is_escaped_as_prometheus_wants_it() -> None:
    page = telemetry().repair(b"# HELP vault_x a\\qb \\\\ \\n\\\n# TYPE vault_x gauge\nvault_x 1\n")
    for fmt in Format:
        assert page.render(fmt).startswith(b"# HELP vault_x a\\\\qb \\\\ \\n\\\\\n")


@pytest.mark.parametrize(
    "huge",
    [
        b"x" * 1_000_000 + b" 1\n",
        b'vault_x{a="' + b"y" * 1_000_000 + b'"} 1\n',
        b'vault_x{a="' + b'\\"' * 500_000 + b'"} 1\n',
        b"vault_x{" + b",".join(b'l%d="v"' % place for place in range(20_000)) + b"} 1\n",
        b'vault_x{a="' + b"\\\\" * 200_000 + b"\n",
        b"vault_x{" + b'a="b",' * 100_000 + b"\n",
        b"vault_x " + b"1" * 100_000 + b"\n",
        b"#" + b" " * 500_000 + b"\n",
        b"vault_x" + b" " * 300_000 + b"y\n",
        b"vault_x 1" + b" " * 300_000 + b"y\n",
        b"vault_x{ " + b'a="b", ' * 1_000_000 + b"} 1\n",
    ],
    ids=[
        "name",
        "label",
        "quotes",
        "labels",
        "no end",
        "no brace",
        "digits",
        "blank",
        "spaces",
        "spaces after",
        "too long",
    ],
)
def test_a_huge_line_is_read_or_left_out(huge: bytes) -> None:
    page = telemetry().repair(GAUGE.encode() + huge)
    text = page.render(Format.TEXT)
    assert GAUGE.encode() in text
    assert page.samples + page.dropped["invalid"] == 1 + (not huge.startswith(b"#"))
    assert len(lines(text)) == page.samples


pieces = st.sampled_from(
    [
        *(
            b"vault_x",
            b"vault_x_total",
            b"vault_x_sum",
            b"vault_x_count",
            b"vault_x_bucket",
            b"vault_x_created",
            b"go_x",
        ),
        *(
            b"vault_core_active",
            b"vault_core_unsealed",
            b"vault_up",
            b"# HELP ",
            b"# TYPE ",
            b"# EOF",
            b"# UNIT ",
            b"#",
        ),
        *(
            b" counter\n",
            b" gauge\n",
            b" summary\n",
            b" histogram\n",
            b" untyped\n",
            b" info\n",
            b"{",
            b"}",
            b",",
            b'"',
        ),
        *(
            b'{quantile="0.5"}',
            b'{le="1"}',
            b'{le="+Inf"}',
            b'{cluster=""}',
            b'{cluster="c"}',
            b'{a="\\"\\n}"}',
            b'{a="',
        ),
        *(b" 1\n", b" 2\n", b" 0\n", b" -1\n", b" NaN\n", b" +Inf\n", b" 1.5 123\n", b' 1 # {t="1"} 1\n', b" 1e308\n"),
        *(b"\n", b"\r\n", b"\r", b" ", b"\t", b"\0", b"\xff", b"\x0b", b"\x85", "\u2028".encode(), b"\\", b"process_x"),
    ]
)
whole_lines = st.tuples(pieces, pieces, pieces).map(b"".join)
hostile = st.lists(st.one_of(pieces, whole_lines, st.binary(max_size=8)), max_size=40).map(b"".join)


@settings(max_examples=300)
@given(st.lists(hostile, min_size=1, max_size=3))
@example([b"# TYPE vault_x summary\nvault_x_sum 1\nvault_x_count 1\n", b"vault_x_sum 1\n", b"vault_x_count 1\n"])
@example([b"# TYPE vault_x counter\nvault_x 1\n", b"# TYPE vault_x_total counter\nvault_x_total 1\n"])
def test_any_text_gives_a_page_that_can_be_read(texts: list[bytes]) -> None:
    target = telemetry()
    for text in texts:
        check(target.repair(text))


@settings(max_examples=40)
@given(st.sampled_from(["expiry-2", "raft-uninitialized"]), st.data())
def test_a_mangled_recording_loses_only_what_was_mangled(stem: str, data: st.DataObject) -> None:
    recorded = PAGES[stem]
    start = data.draw(st.integers(0, len(recorded) - 1))
    end = data.draw(st.integers(start, min(start + 40, len(recorded))))
    page = telemetry().repair(recorded[:start] + data.draw(st.binary(max_size=40)) + recorded[end:])
    check(page)
    before, after = recorded[:start].rpartition(b"\n")[0], recorded[end:].partition(b"\n")[2]
    intact = {*lines(before), *lines(after)}
    expected = lines(telemetry().repair(recorded).render(Format.TEXT))
    lost = {line for line in expected if line.removeprefix("vault_") in intact or line in intact}
    lost -= set(lines(page.render(Format.TEXT)))
    assert len(lost) <= 3  # a broken name may be that of another series, and a broken TYPE another type
