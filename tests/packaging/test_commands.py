"""Every command of README and docs is run as it stands, or its page says why it is not.

This file runs those of the README; ``make docs-test`` runs the others, too.
"""

import re
from pathlib import Path

import pytest

from tests.packaging.blocks import PAGES, README, ROOT, RUN, SHELL, blocks
from tests.packaging.reader import Lab, lab, run_page

__all__ = ["lab"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_shell_block_is_run_or_says_why_not(page: Path) -> None:
    unmarked = [
        block.line
        for block in blocks(page)
        if (block.language in SHELL and block.mark != RUN and not re.fullmatch(r"not run: .{10,}", block.mark))
        or (block.language not in SHELL and block.mark and not block.mark.startswith("file: "))
    ]
    assert unmarked == [], "write <!-- run --> or <!-- not run: REASON --> before the block in this line"


def test_the_commands_of_the_readme(lab: Lab, tmp_path: Path) -> None:
    run_page(lab, tmp_path, README)
