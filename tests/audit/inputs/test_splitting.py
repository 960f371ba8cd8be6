"""Streams become lines, however they are cut into pieces, and never hold more memory than they may."""

import itertools
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vault_exporter.audit.inputs.line_buffer import LineBuffer, NewlineSplitter, Splitter
from vault_exporter.audit.inputs.syslog import SyslogSplitter, message
from vault_exporter.audit.lines.splitter import OVERHEAD_BYTES
from vault_exporter.audit.parse.decode import Reject

MAX_LINE = 100
PLENTY = 1 << 20

LINES = st.lists(st.binary(max_size=120).map(lambda line: line.replace(b"\n", b"?")), max_size=12)
CUTS = st.lists(st.integers(0, 2000), max_size=12)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    return [data[start:stop] for start, stop in itertools.pairwise(places)]


def drain(inbox: LineBuffer) -> list[bytes]:
    found: list[bytes] = []
    while (lines := inbox.take()) is not None:
        found += lines
    return found


@given(LINES, CUTS)
def test_lines_do_not_depend_on_the_pieces(lines: list[bytes], cuts: list[int]) -> None:
    inbox = LineBuffer(PLENTY, MAX_LINE)
    splitter = NewlineSplitter(inbox)
    data = b"".join(line + b"\n" for line in lines)
    ended = sum(splitter.feed(piece) for piece in pieces(data, cuts))
    assert ended == len(lines)
    assert not splitter.unfinished
    assert drain(inbox) == [line for line in lines if 0 < len(line) <= MAX_LINE and line != b"\r"]
    assert inbox.rejected[Reject.TOO_LONG] == sum(len(line) > MAX_LINE for line in lines)
    assert (inbox.received_bytes, inbox.held_bytes, inbox.dropped_lines) == (len(data), 0, 0)


@given(
    st.lists(st.binary(max_size=300), max_size=40), st.sampled_from([NewlineSplitter, SyslogSplitter]), st.booleans()
)
def test_memory_is_bounded_and_given_back(chunks: list[bytes], kind: type[Splitter], taking: bool) -> None:  # noqa: FBT001
    bound = 1000
    inbox = LineBuffer(bound, MAX_LINE)
    splitter = kind(inbox)  # type: ignore[call-arg]  # both take an inbox
    for chunk in chunks:
        splitter.feed(chunk)
        assert 0 <= inbox.held_bytes <= bound
        if taking:
            inbox.take()
    splitter.end()
    assert not splitter.unfinished
    drain(inbox)
    assert inbox.held_bytes == 0


def test_what_finds_no_room_is_shed_and_the_next_line_counts() -> None:
    inbox = LineBuffer(2 * (10 + OVERHEAD_BYTES) + 20, MAX_LINE)
    splitter = NewlineSplitter(inbox)
    splitter.feed(b"a" * 10 + b"\n" + b"b" * 10 + b"\n" + b"c" * 10 + b"\n")
    assert inbox.dropped_lines == 1
    assert drain(inbox) == [b"a" * 10, b"b" * 10]
    splitter.feed(b"d" * 10 + b"\n")
    assert drain(inbox) == [b"d" * 10]


def test_a_stream_without_newline_costs_no_memory_beyond_a_line() -> None:
    inbox = LineBuffer(PLENTY, MAX_LINE)
    splitter = NewlineSplitter(inbox)
    for _ in range(10_000):
        splitter.feed(b"x" * 64)
        assert inbox.held_bytes <= 2 * (MAX_LINE + OVERHEAD_BYTES)
    splitter.feed(b"\n{good}\n")
    assert drain(inbox) == [b"{good}"]
    assert inbox.rejected == {Reject.TOO_LONG: 1}


@pytest.mark.parametrize(
    ("last", "lines", "rejected"), [(b'{"a":1}', [b'{"a":1}'], {}), (b'{"a"', [], {"incomplete": 1})]
)
def test_the_end_of_a_stream(last: bytes, lines: list[bytes], rejected: dict[str, int]) -> None:
    inbox = LineBuffer(PLENTY, MAX_LINE)
    splitter = NewlineSplitter(inbox)
    splitter.feed(last)
    splitter.end()
    assert drain(inbox) == lines
    assert inbox.rejected == rejected
    assert inbox.held_bytes == 0


@pytest.mark.parametrize(
    ("packet", "text"),
    [
        (b'<14>Nov 24 19:00:00 host vault[123]: {"a":1}\n', b'{"a":1}'),
        (b'<14>Nov 24 19:00:00 vault[123]: {"a":1}', b'{"a":1}'),
        (b'<14>Nov 24 19:00:00 host vault: @cee: {"a":1}\0', b'{"a":1}'),
        (b"<14>Nov 24 19:00:00 host vault: no entry", b"Nov 24 19:00:00 host vault: no entry"),
        (b'<14>1 2026-11-24T19:00:00.1Z host vault 1 - - {"a":1}', b'{"a":1}'),
        (b'<14>1 - - - - - - \xef\xbb\xbf{"a":1}', b'{"a":1}'),
        (b'<14>1 2026-11-24T19:00:00Z h v 1 ID [x@1 k="{\\"z\\":1\\]}"][y@1] {"a":1}', b'{"a":1}'),
        (b"<14>1 2026-11-24T19:00:00Z h v 1 - -", b""),
        (b'<14>1 broken {"a":1}', None),
        (b'{"a":1}', None),
        (b"<1234>x", None),
        (b"", None),
        (b"\x16\x03\x01\x02\x00", None),
    ],
)
def test_a_syslog_message(packet: bytes, text: bytes | None) -> None:
    assert message(packet) == text


@pytest.mark.parametrize("unit", [b"x", b'"x', b"\\", b'"\\"', b"[", b"]"])
def test_an_endless_header_costs_no_memory(unit: bytes) -> None:
    packet = b"<14>1 a b c d e [" + unit * (8_000_000 // len(unit))
    tracemalloc.start()
    try:
        assert message(packet) is None
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda rest: b"<14>1 - - - - - " + rest))
def test_anything_is_a_message_or_is_not(packet: bytes) -> None:
    text = message(packet)
    assert text is None or packet.rstrip(b"\r\n\0").endswith(text)


MESSAGES = st.lists(
    st.integers(0, 60).map(lambda size: b"<14>1 - - - - - - {" + b"\xc3\xa4" * (size // 2) + b"}"), max_size=8
)


@given(MESSAGES, st.lists(st.booleans(), min_size=8, max_size=8), CUTS)
def test_both_framings_of_a_stream(packets: list[bytes], counted: list[bool], cuts: list[int]) -> None:
    inbox = LineBuffer(PLENTY, MAX_LINE)
    splitter = SyslogSplitter(inbox)
    data = b"".join(
        b"%d %s" % (len(packet), packet) if count else packet + b"\n"
        for packet, count in zip(packets, counted, strict=False)
    )
    ended = sum(splitter.feed(piece) for piece in pieces(data, cuts))
    assert ended == len(packets)
    assert drain(inbox) == [packet[18:] for packet in packets]
    assert not inbox.rejected
    assert not splitter.unfinished


@pytest.mark.parametrize(
    "garbage",
    [b"99999999999 <14>x\n", b"12x<14>y\n", b"no syslog\n", b"999 " + b"y" * 999, b"\n\n0 0 \n", b"7 <14>{x}\n"],
)
def test_a_stream_finds_its_way_again(garbage: bytes) -> None:
    inbox = LineBuffer(PLENTY, MAX_LINE)
    splitter = SyslogSplitter(inbox)
    splitter.feed(garbage + b"<14>{good}\n")
    assert drain(inbox)[-1] == b"{good}"
