"""Runs of promtool, and unit tests with rule files that hold no more than they need."""

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from tests.alerts.promql import RULE_FILES
from tests.lab.waiting import PATIENCE

__all__ = ["ALERTS", "RULES", "UNIT_TESTS", "Rule", "isolated", "promtool"]

Rule = dict[str, Any]

ALERTS: Final = Path(__file__).parents[2] / "alerts"
UNIT_TESTS: Final = sorted((ALERTS / "tests").glob("*.yml"))
_ALL: Final[list[tuple[Path, Rule]]] = [
    (path, rule)
    for path in RULE_FILES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]
RULES: Final = {rule["alert"]: (path, rule) for path, rule in _ALL if "alert" in rule}
"""The alerts by name, each with its file."""


def promtool(
    *arguments: str | Path, program: str = "promtool", timeout: float = 4 * PATIENCE
) -> subprocess.CompletedProcess[str]:
    """Run it; stdout has both of its outputs, as one reads them."""
    return subprocess.run(
        [program, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=timeout
    )


def isolated(
    folder: Path, names: Iterable[str], change: Callable[[Rule], Rule] = lambda rule: rule
) -> tuple[list[Path], list[Path]]:
    """Write the unit tests of alerts, each with a rule file of that alert and of what is recorded.

    promtool evaluates every rule of a file at each step of each test, so this takes a tenth of the time.

    Returns:
        The rule files, and the tests.
    """
    recorded = [(path, rule) for path, rule in _ALL if "record" in rule]
    rules, tests = [], []
    for name in names:
        test = yaml.safe_load((ALERTS / "tests" / f"{name}.yml").read_text())
        rules.append(folder / f"{name}.rules.yml")
        path, alert = RULES[name][0], change(RULES[name][1])
        said = yaml.safe_dump(alert)
        used = [rule for file, rule in recorded if file == path or rule["record"] in said]
        rules[-1].write_text(yaml.safe_dump({"groups": [{"name": name, "rules": [*used, alert]}]}))
        test["rule_files"] = [rules[-1].name]
        tests.append(folder / f"{name}.yml")
        tests[-1].write_text(yaml.safe_dump(test, sort_keys=False))
    return rules, tests
