"""Lines in the envelopes of container runtimes: joined as the container wrote them, whatever lies between the parts."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.audit.container import Kind, Runtime, cri, docker
from vault_exporter.audit.lines.container import Origin, Unwrapper
from vault_exporter.audit.lines.splitter import LineCounts
from vault_exporter.audit.parse.decode import Reject
from vault_exporter.config.schema.model import AuditFormat

MAX_LINE = 200
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), max_size=60).map(str.encode)
WRITTEN = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), TEXT), max_size=20)


def unwrapped(lines: list[bytes], format_: AuditFormat = AuditFormat.AUTO) -> list[bytes]:
    unwrapper = Unwrapper(LineCounts(MAX_LINE), format_)
    if not unwrapper.detect(lines):
        return lines
    return [line for line, _ in unwrapper.unwrap(lines, [Origin()] * len(lines))]


def interleaved(queues: list[list[bytes]], choices: list[int]) -> list[bytes]:
    """Merge, keeping the order within each queue."""
    queues, found = [queue[:] for queue in queues], list[bytes]()
    for choice in itertools.chain(choices, itertools.repeat(0)):
        queues = [queue for queue in queues if queue]
        if not queues:
            return found
        found.append(queues[choice % len(queues)].pop(0))
    return found


@pytest.mark.parametrize("kind", ["cri", "docker"])
@given(WRITTEN, st.integers(1, 30), st.lists(st.integers(0, 1), max_size=60))
def test_the_lines_of_each_stream_come_out_as_they_went_in(
    kind: Kind, written: list[tuple[str, bytes]], part_bytes: int, choices: list[int]
) -> None:
    wrap = cri if kind == "cri" else docker
    queues: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    for stream, text in written:
        parts = [
            text.decode()[start : start + part_bytes].encode() for start in range(0, len(text.decode()), part_bytes)
        ]
        for number, part in enumerate(parts or [b""]):
            queues[stream].append(wrap(part, stream=stream, ends=number == max(0, len(parts) - 1)))
    lines = interleaved(list(queues.values()), choices)
    unwrapper = Unwrapper(LineCounts(MAX_LINE))
    found: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    for line in lines:  # the envelope is detected with the first, and cutting into chunks makes no difference
        assert unwrapper.detect([line])
        for whole, last in unwrapper.unwrap([line], [Origin()]):
            assert last is not None
            found[last.stream].append(whole)
    assert found == {stream: [text + b"\n" for one, text in written if one == stream] for stream in found}
    assert not unwrapper.unfinished


@pytest.mark.parametrize(
    "line",
    [
        b"2026-11-28T15:00:00.000000001Z stdout F text\n",
        b"2026-11-28T15:00:00.000000001+01:00 stdout F text\n",
        b"2026-11-28T15:00:00Z stderr F:tag:another text\n",
        b"\0\0\0\x002026-11-28T15:00:00.1Z stdout F text\n",
        b'{"log":"text\\n","stream":"stdout","attrs":{"tag":"x"},"time":"2026-11-28T15:00:00.1Z"}\n',
        b'{"log":"text\\n"}\n',
        b'\0\0{"log": "text\\n", "stream": "stdout", "time": "2026-11-28T15:00:00.1Z"}\n',
        b'{"stream":"stdout","time":"2026-11-28T15:00:00.1Z","log":"text\\n"}\n',
        b'{"time":"2026-11-28T15:00:00.1Z","attrs":{"tag":"x"},"log":"text\\n","stream":"stdout"}\n',
    ],
)
def test_envelopes(line: bytes) -> None:
    assert unwrapped([line]) == [b"text\n"]


def test_an_empty_line_of_the_container() -> None:
    assert unwrapped([b"2026-11-28T15:00:00Z stdout F \n", b"2026-11-28T15:00:00Z stdout F\n"]) == [b"\n", b"\n"]


@pytest.mark.parametrize(
    "line",
    [
        b'{"time":"2026-11-28T15:00:00Z","type":"request"}\n',
        b'@cee: {"time":"2026-11-28T15:00:00Z","type":"request"}\n',
        b"2026-11-28T15:00:00.000Z [INFO]  core: vault is unsealed\n",
        b"2026-11-28T15:00:00.000Z stdout X text\n",
        b'{"logs":"text\\n"}\n',
        b'{"time":"2026-11-28T15:00:00Z","type":"request","request":{"data":{"log":"hmac-sha256:a"}}}\n',
        b'{"time":"2026-11-28T15:00:00Z","stream":"stdout","_p":"F","log":"text"}\n',
        b'{"log":5}\n',
        b'{"log":"text\n',
        b"\n",
    ],
)
def test_what_is_in_no_envelope_stays_as_it_is(line: bytes) -> None:
    assert unwrapped([line]) == [line]


def test_an_envelope_is_detected_behind_the_rest_of_a_torn_line() -> None:
    assert unwrapped([b'00Z stdout F {"x":1}\n', cri(b"text")]) == [b'00Z stdout F {"x":1}\n', b"text\n"]


def test_a_key_says_the_format() -> None:
    line = cri(b"text")
    assert unwrapped([line], AuditFormat.PLAIN) == [line]
    assert unwrapped([line], AuditFormat.STDOUT) == [line]
    assert unwrapped([line], AuditFormat.CRI) == [b"text\n"]
    assert unwrapped([docker(b"text")], AuditFormat.DOCKER) == [b"text\n"]


@pytest.mark.parametrize("kind", ["cri", "docker"])
def test_a_line_in_parts_is_bounded_like_another(kind: Kind, tmp_path_factory: pytest.TempPathFactory) -> None:
    runtime = Runtime(tmp_path_factory.mktemp("pod"), kind, part_bytes=50)
    counts = LineCounts(MAX_LINE)
    unwrapper = Unwrapper(counts)
    lines = [part for size in (MAX_LINE, MAX_LINE + 1, 10 * MAX_LINE, 5) for part in runtime.parts(b"x" * size)]
    assert unwrapper.detect(lines)
    found = [line for line, _ in unwrapper.unwrap(lines, [Origin()] * len(lines))]
    assert found == [b"x" * MAX_LINE + b"\n", b"x" * 5 + b"\n"]
    assert counts.rejected == {Reject.TOO_LONG: 2}
    assert counts.skipped_bytes == 11 * MAX_LINE + 1
