"""What it costs to observe who asks for what, as shares of the pipeline's speed without it.

The lines are those of a real OpenBao over and over, with paths, clients and addresses of their own; everything takes
turns in this process and is measured in CPU time, the best of the rounds. Run: ``python bench/top.py``.
"""

import gc
import itertools
import sys
import time
from pathlib import Path
from typing import Final

from vault_exporter.audit.count.pipeline import Pipeline, PipelineSettings
from vault_exporter.audit.top.observers import make_observers
from vault_exporter.config.schema.model import Audit, Top

RECORDED: Final = Path(__file__).parents[1] / "tests" / "data" / "audit" / "openbao.jsonl"
LINES: Final = 100_000
ROUNDS: Final = 5
AT_LEAST: Final = 0.6
"""Of the speed without observers, with all of them."""
TEMPLATES: Final = ("its-camera-ai/data/{service}/*", "auth/{method}/login/*")
TASKS: Final = {
    "nothing": Audit(),
    "top": Audit(top=Top(enabled=True)),
    "listed clients": Audit(top=Top(clients=("token",))),
    "templates": Audit(paths=TEMPLATES),
    "all of it": Audit(top=Top(enabled=True, clients=("token",)), paths=TEMPLATES),
}


def main() -> int:
    lines = list(varied())
    best = dict.fromkeys(TASKS, 0.0)
    for _, (task, settings) in itertools.product(range(ROUNDS), TASKS.items()):
        best[task] = max(best[task], speed(lines, settings))
    for task, rate in best.items():
        print(f"{task:16} {rate:10,.0f} lines/s   {rate / best['nothing']:.2f}")
    return 0 if best["all of it"] >= AT_LEAST * best["nothing"] else 1


def varied() -> list[bytes]:
    recorded = RECORDED.read_bytes().splitlines(keepends=True)
    lines = []
    for number, line in enumerate(itertools.islice(itertools.cycle(recorded), LINES)):
        address = f'"remote_address":"192.0.2.{number % 200}"'.encode()
        changed = line.replace(b"/data/api/jwt", b"/data/api/%d" % (number % 5000))
        lines.append(changed.replace(b'"remote_address":"127.0.0.1"', address))
    return lines


def speed(lines: list[bytes], settings: Audit) -> float:
    # The window is that of the lines, so that all of them count.
    pipeline = Pipeline(PipelineSettings.of(settings), make_observers(settings, lambda: 1_795_522_000.0))
    gc.collect()
    started = time.process_time()
    pipeline.feed("audit.log", lines)
    return len(lines) / (time.process_time() - started)


if __name__ == "__main__":
    sys.exit(main())
