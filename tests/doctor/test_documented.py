"""Each finding is in docs/doctor.md, and is provoked by a row of the table or by a test."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.doctor.broken import BROKEN

ROOT = Path(__file__).parents[2]
CHECKS = ROOT / "exporter" / "vault_exporter" / "diagnose" / "doctor" / "checks"
OF_THE_RUN = {f"{name}-unreachable" for name in ("prometheus", "rules", "alertmanager", "grafana")} | {
    "check-unfinished",
    "too-many-series",
}
"""Of ``run.py``."""
ELSEWHERE = {"alertmanager-members", "silenced", "check-online", "evaluation-too-slow"}
"""What needs more than the servers of the table."""


def found() -> Iterator[str]:
    """The names that the checks give their findings."""
    for path in CHECKS.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                name = node.args[1]
                assert isinstance(name, ast.Constant)
                yield str(name.value)


def test_each_check_has_a_row_in_the_documentation() -> None:
    table = (ROOT / "docs" / "doctor.md").read_text().partition("## What it finds")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \|", table, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row)} == set(found()) | OF_THE_RUN


def test_each_check_is_provoked() -> None:
    assert set(found()) - {name for row in BROKEN for name in row.checks} == ELSEWHERE
