"""Metrics pages of the exporter, as recorded: files of ``pages/``."""

import gzip
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["PAGES", "Page", "load", "save"]

PAGES: Final = Path(__file__).parent / "pages"
_PATH: Final = re.compile(r'/tmp/[^"]*/n(\d)/audit/')  # noqa: S108 - where the clusters were
_SAMPLE: Final = re.compile(r"(\w+)(?:\{(.*)\})? (\S+)")


@dataclass(frozen=True, slots=True)
class Page:
    """The samples of one page, by series, and when it was made (Unix time, in seconds)."""

    taken: float
    samples: dict[tuple[str, str], float]
    """By name and labels as they are written."""
    counters: frozenset[str]
    """Names of series that only grow."""


def save(name: str, taken: float, text: str) -> None:
    """Keep a page without its help, with paths as people have them."""
    text = _PATH.sub(r"/var/log/vault-\1/", text)
    lines = [line for line in text.splitlines() if not line.startswith("# HELP")]
    content = "\n".join([f"# taken {taken:.3f}", *lines, ""]).encode()
    (PAGES / f"{name}.txt.gz").write_bytes(gzip.compress(content, mtime=0))


def load(name: str) -> Page:
    """Read a page."""
    taken, samples, counters = 0.0, {}, set()
    for line in gzip.decompress((PAGES / f"{name}.txt.gz").read_bytes()).decode().splitlines():
        match line.split():
            case ["#", "taken", when]:
                taken = float(when)
            case ["#", "TYPE", family, "counter"]:
                counters.add(family)
            case ["#", "TYPE", family, "histogram" | "summary"]:
                counters |= {f"{family}_bucket", f"{family}_count", f"{family}_sum"}
        if found := _SAMPLE.fullmatch(line):
            samples[found[1], found[2] or ""] = float(found[3])
    return Page(taken, samples, frozenset(counters))
