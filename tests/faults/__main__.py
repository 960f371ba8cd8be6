"""`make faults`: try every fault, say what happened, and write docs/fault-matrix.md."""

import contextlib
import itertools
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Final

import msgspec

from tests.faults import report, trial
from tests.faults.faults import FAULTS, Fault
from tests.faults.lab import Lab, running

PAGE = Path(__file__).parents[2] / "docs" / "fault-matrix.md"
RESULTS = Path(__file__).parents[2] / "build" / "faults.jsonl"
"""What was seen, one trial a line, so that a part can be tried again."""
LABS: Final = 3
"""Labs side by side, each a process. A lab mostly waits: one takes about a quarter of a core, and 1 GB of memory."""


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
    right = _tried(chosen)
    latest = {outcome.fault: outcome for outcome in map(_outcome, RESULTS.read_bytes().splitlines())}
    if all(fault.name in latest for fault in FAULTS):
        PAGE.write_text(report.matrix([latest[fault.name] for fault in FAULTS]))
        say(f"wrote {PAGE}")
    say(f"{right} of {len(chosen)} right")
    return int(right < len(chosen))


def _tried(chosen: list[Fault]) -> int:
    """Try them in several labs. Return how many were right."""
    todo: SimpleQueue[str] = multiprocessing.SimpleQueue()
    done: SimpleQueue[bool] = multiprocessing.SimpleQueue()
    number = min(LABS, len(chosen))
    for name in (*(fault.name for fault in chosen), *[""] * number):
        todo.put(name)
    labs = [multiprocessing.Process(target=_work, args=(todo, done)) for _ in range(number)]
    for lab in labs:
        lab.start()
    try:
        for lab in labs:
            lab.join()
    except KeyboardInterrupt:
        # Each lab was interrupted, too, and stops what it started.
        for lab in labs:
            lab.join()
        raise
    right = 0
    while not done.empty():
        right += done.get()
    return right


def _work(todo: "SimpleQueue[str]", done: "SimpleQueue[bool]") -> None:
    """Try faults in the order of the queue, up to the empty name. After one that did not end, go on in a new lab."""
    faults = {fault.name: fault for fault in FAULTS}
    names = iter(todo.get, "")
    for first in names:
        with contextlib.suppress(_LabIsBrokenError), _lab() as lab:
            for name in itertools.chain([first], names):
                done.put(_try(lab, faults[name]))


class _LabIsBrokenError(Exception):
    """A fault did not end, so what follows would not be tried on a healthy cluster."""


@contextlib.contextmanager
def _lab() -> Iterator[Lab]:
    with tempfile.TemporaryDirectory(prefix="vault-exporter-faults-") as directory, running(Path(directory)) as lab:
        yield lab


def _try(lab: Lab, fault: Fault) -> bool:
    """Try one, and say and keep what was seen.

    Raises:
        _LabIsBrokenError: it did not end.
    """
    started = time.monotonic()
    try:
        outcome = trial.run(lab, fault)
    except Exception as error:
        say(f"wrong ({time.monotonic() - started:.0f} s): {fault.name}: {type(error).__name__}: {error}")
        raise _LabIsBrokenError from error
    with RESULTS.open("ab", buffering=0) as results:
        results.write(msgspec.json.encode(outcome) + b"\n")
    right = not outcome.missed and not outcome.false
    verdict = "right" if right else "wrong"
    say(f"{verdict} ({time.monotonic() - started:.0f} s): {report.row(outcome)}")
    return right


def _fits(word: str, fault: Fault) -> bool:
    return word.lower() in fault.name.lower()


def _outcome(line: bytes) -> trial.Outcome:
    return msgspec.json.decode(line, type=trial.Outcome)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
