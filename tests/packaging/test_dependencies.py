"""Every library that the code imports is declared, so that none is there by luck, as a dependency of another."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUN = PROJECT["project"]["dependencies"]
EXTRAS = PROJECT["project"]["optional-dependencies"]
TEST = PROJECT["dependency-groups"]["test"]
CLUSTER = EXTRAS["cluster"] + PROJECT["dependency-groups"]["cluster-test"]
FUZZ = PROJECT["dependency-groups"]["fuzz"]
PACKAGE = "exporter/vault_exporter"
OURS = {"alerts", "bench", "dashboards", "deploy", "scripts", "tests", "vault_exporter"}
PYTHON = sys.stdlib_module_names | {"compression"}  # since 3.14


@pytest.mark.parametrize(
    ("folder", "without", "declared"),
    [
        (PACKAGE, "demo", RUN),
        (f"{PACKAGE}/demo", None, RUN + EXTRAS["demo"]),
        ("dashboards", None, RUN + EXTRAS["dashboards"]),
        ("bench", None, RUN + EXTRAS["demo"] + TEST + CLUSTER),
        ("tests", None, RUN + EXTRAS["demo"] + EXTRAS["dashboards"] + TEST + FUZZ + CLUSTER),
    ],
    ids=["exporter", "demo", "dashboards", "bench", "tests"],
)
def test_every_import_is_declared(folder: str, without: str | None, declared: list[str]) -> None:
    names = {normalised(requirement) for requirement in declared}
    undeclared = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        if without is None or not path.is_relative_to(ROOT / folder / without)
        for module in imports(path)
        if module.partition(".")[0] not in PYTHON | OURS and not providers(module) & names
    }
    assert not undeclared


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def providers(module: str) -> set[str]:
    """Names of the distributions that hold a module: of those that are installed, or else what its name says."""
    top = module.partition(".")[0]
    return {normalised(name) for name in installed().get(top, [top])}


@cache
def installed() -> dict[str, list[str]]:
    return dict(packages_distributions())


def normalised(requirement: str) -> str:
    name = re.match(r"[\w.-]+", requirement)
    assert name is not None, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()
