"""docs/architecture.md names files and functions that exist, and every room of the package."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "exporter" / "vault_exporter"
TEXT = (ROOT / "docs" / "architecture.md").read_text()
HOPS = re.findall(r"`([\w/]+\.py): ([\w.]+)`", TEXT)


def names(tree: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[str]:
    """Yield what a module or class defines, with a class's members as ``Class.member``."""
    for node in tree.body:
        match node:
            case ast.ClassDef():
                yield f"{prefix}{node.name}"
                yield from names(node, f"{prefix}{node.name}.")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield f"{prefix}{node.name}"
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield f"{prefix}{name}"


@pytest.mark.parametrize(("file", "name"), HOPS)
def test_each_hop_exists(file: str, name: str) -> None:
    assert name in set(names(ast.parse((PACKAGE / file).read_text())))


def test_every_room_is_described() -> None:
    rows = re.findall(r"^\| (`.+?) \|", TEXT, re.MULTILINE)
    described = {room for row in rows for room in re.findall(r"`(\w+)`", row)}
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {path.stem for path in PACKAGE.glob("*.py")}
    assert described == rooms - {"__init__", "__main__"}
