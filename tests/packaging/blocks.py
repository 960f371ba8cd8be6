"""The shell blocks of the documents. A comment before each says whether a test runs it, and if not, why."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
PAGES: Final = (
    README,
    ROOT / "CONTRIBUTING.md",
    ROOT / "alerts/README.md",
    ROOT / "dashboards/README.md",
    ROOT / "deploy/systemd/README.md",
    *sorted((ROOT / "docs").glob("*.md")),
)
"""What users read. The runbooks' blocks are those of tests/alerts/test_runbook_blocks.py."""

_BLOCK: Final = re.compile(
    r"(?:^ *<!-- (?P<mark>[^\n]*) -->\n)?(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$",
    re.DOTALL | re.MULTILINE,
)
RUN: Final = "run"
"""The mark of a block that a test runs."""
SHELL: Final = frozenset({"sh", "bash", "shell", "console", "zsh"})


class Block(NamedTuple):
    """One fenced block."""

    page: Path
    line: int
    mark: str
    """The comment before it: `run`, `not run: REASON`, or `file: PATH`; empty without one."""
    language: str
    text: str


def blocks(page: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a page."""
    document = page.read_text()
    for found in _BLOCK.finditer(document):
        line = document.count("\n", 0, found.start("indent")) + 1
        text = re.sub(f"^{found['indent']}", "", found["text"], flags=re.MULTILINE)
        yield Block(page, line, found["mark"] or "", found["language"], text)
