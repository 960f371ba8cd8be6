"""`make faults`: try every fault, say what happened, and write docs/fault-matrix.md."""

import sys
import tempfile
import time
from pathlib import Path

import msgspec

from tests.faults import report, trial
from tests.faults.faults import FAULTS, Fault
from tests.faults.lab import running
from vault_exporter.demo.process import ServiceError

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
RESULTS = Path(__file__).parents[2] / "build" / "faults.jsonl"
"""What was seen, one trial a line, so that a part can be tried again."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(words: list[str]) -> int:
    """Try the faults whose names hold one of the words, or all; the page has the latest trial of each."""
    for word in words:
        if not any(_fits(word, fault) for fault in FAULTS):
            say(f"No fault has {word!r} in its name. The faults are:")
            for fault in FAULTS:
                say(f"  {fault.name}")
            return 2
    chosen = [fault for fault in FAULTS if not words or any(_fits(word, fault) for word in words)]
    RESULTS.parent.mkdir(exist_ok=True)
    wrong = False
    with tempfile.TemporaryDirectory(prefix="vault-exporter-faults-") as directory, running(Path(directory)) as lab:
        for number, fault in enumerate(chosen, 1):
            started = time.monotonic()
            try:
                outcome = trial.run(lab, fault)
            except ServiceError as error:
                say(f"{number}/{len(chosen)} {fault.name}: {error}")
                return 1
            with RESULTS.open("ab") as results:
                results.write(msgspec.json.encode(outcome) + b"\n")
            wrong |= bool(outcome.missed or outcome.false)
            verdict = "wrong" if outcome.missed or outcome.false else "right"
            say(f"{number}/{len(chosen)} {verdict} ({time.monotonic() - started:.0f} s): {report.row(outcome)}")
    latest = {outcome.fault: outcome for outcome in map(_outcome, RESULTS.read_bytes().splitlines())}
    if all(fault.name in latest for fault in FAULTS):
        PAGE.write_text(report.matrix([latest[fault.name] for fault in FAULTS]))
        say(f"wrote {PAGE}")
    return int(wrong)


def _fits(word: str, fault: Fault) -> bool:
    return word.lower() in fault.name.lower()


def _outcome(line: bytes) -> trial.Outcome:
    return msgspec.json.decode(line, type=trial.Outcome)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
