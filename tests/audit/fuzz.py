"""`make fuzz`: search for lines that decoding or counting takes wrongly, with atheris, guided by what they reach.

``make fuzz ARGS=-max_total_time=900`` ends after 15 minutes; the options are libFuzzer's.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec

from tests.audit.entries import LOG, classified, recorded
from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.parse import decode
from vault_exporter.audit.parse import entry as structs
from vault_exporter.audit.parse.decode import COUNTED, IDENTIFIED, REPORTED, SENT, Reject
from vault_exporter.audit.parse.entry import Entry
from vault_exporter.audit.parse.report_entry import ReportResponseEntry
from vault_exporter.metrics import catalogue as c
from vault_exporter.util.json import UNREADABLE

__all__ = ["check"]

_SETTINGS = PipelineSettings()
_WORDS = {
    field.encode_name
    for struct in (
        *(structs.DetailedRequestEntry, structs.DetailedResponseEntry, structs.DetailRequest, structs.DetailAuth),
        *(structs.Namespace, structs.NewAuth, structs.Response),
    )
    for field in msgspec.structs.fields(struct)
}


def check(line: bytes) -> None:
    """Fail if the decoders do not agree on a line, or if it does not count as what it was decoded to.

    Raises:
        AssertionError: they do not.
    """
    careful = decode.decode(line)
    found = None if isinstance(careful, Reject) else careful[0]
    for depth in (COUNTED, SENT, IDENTIFIED, REPORTED):
        assert _tried(depth.decode, line) == _tried(depth.decode_alphabetical, line)
    entry, reported = _tried(COUNTED.decode, line), _tried(REPORTED.decode, line)
    in_report = decode.decode(line, for_reports=True)
    if isinstance(reported, ReportResponseEntry):
        assert not isinstance(in_report, Reject)
        assert reported == in_report[0]
    # Bad UTF-8 in a field that only the detail has is seen only there.
    if entry is not None and found is not None:
        assert not isinstance(found, structs.OtherEntry)
        assert (entry.is_request, entry.time, entry.error) == (found.is_request, found.time, found.error)
        for request in (entry.request, found.request):
            assert (request is None) == (found.request is None)
        if entry.request is not None and found.request is not None:
            assert (entry.request.id, entry.request.path) == (found.request.id, found.request.path)
    pipeline = Pipeline(_SETTINGS)
    pipeline.feed(LOG, [line])
    entries = sum(sample.value for sample in pipeline.samples() if sample.family is c.AUDIT_ENTRIES)
    rejected = sum(pipeline.rejected(LOG).values())
    if entry is not None or found is not None:
        assert (entries, rejected) == (1, 0)
    elif not line.strip():
        assert (entries, rejected) == (0, 0)
    else:
        assert rejected + pipeline.passed_over(LOG) == 1
        assert entries <= 1  # what a torn one was glued to


def _tried(read: Callable[[bytes], Entry], line: bytes) -> Entry | None:
    try:
        return read(line)
    except UNREADABLE:
        return None


def main() -> None:
    """Fuzz until told to stop, or until a line fails; begin with real lines."""
    import atheris  # type: ignore[import-untyped]  # noqa: PLC0415 - no part of what `make test` installs

    with tempfile.TemporaryDirectory() as directory:
        corpus, words = Path(directory, "corpus"), Path(directory, "words")
        corpus.mkdir()
        words.write_text("".join(f'"\\"{word}\\":"\n' for word in sorted(_WORDS)))
        for number, line in enumerate([*recorded(), *(entry for _, _, entry in classified())]):
            compact = msgspec.json.encode(msgspec.json.decode(line), order="sorted")
            (corpus / f"{number}").write_bytes(line)
            (corpus / f"{number}-alphabetical").write_bytes(compact + b"\n")
        atheris.instrument_all()
        atheris.Setup([*sys.argv, f"-dict={words}", str(corpus)], check)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
