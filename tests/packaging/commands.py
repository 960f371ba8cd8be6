"""The commands of the pages other than the README: ``make docs-test`` runs this file."""

from pathlib import Path

import pytest

from tests.packaging.blocks import PAGES, README, ROOT, RUN, blocks
from tests.packaging.reader import Lab, lab, run_page

__all__ = ["lab"]


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != README and any(block.mark == RUN for block in blocks(page))],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_the_commands_of_a_page(lab: Lab, tmp_path: Path, page: Path) -> None:
    run_page(lab, tmp_path, page)
