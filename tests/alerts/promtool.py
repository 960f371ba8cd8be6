"""Runs of promtool, and unit tests with rule files that hold no more than they need."""

import re
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import yaml

from tests.alerts.promql import RULE_FILES
from tests.lab.waiting import PATIENCE

__all__ = ["ALERTS", "RULES", "UNIT_TESTS", "Rule", "firing", "isolated", "promtool", "seconds"]

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


def firing(output: str) -> dict[tuple[str, int], set[str]]:
    """Return the alerts that fire, by test and time in seconds, of tests that expect none.

    Raises:
        AssertionError: promtool could not evaluate a rule.
    """
    assert re.search(r"^\s+(FAILED|SUCCESS)", output, re.MULTILINE), output
    failed = set(re.findall(r"rule: .*, err: .*", output))
    assert not failed, failed
    found: dict[tuple[str, int], set[str]] = {}
    for part in re.split(r"\n(?=\s+name: )", output):
        name = re.match(r"\s*name: (.*),\n", part)
        for alert, time in re.findall(r"alertname: (\w+), time: (\w+)", part):
            assert name, part
            found.setdefault((name[1], seconds(time)), set()).add(alert)
    return found


def seconds(time: str) -> int:
    """Return the seconds of a duration as Prometheus writes it: 1h30m0s."""
    units = {"d": 86400, "h": 3600, "m": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)([dhms])", time))


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
