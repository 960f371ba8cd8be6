"""Write docs/alerts-by-metric.md: for each family of the catalogue its alerts and dashboards, or why there is none."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Final

import yaml

from vault_exporter.alert_rules import load
from vault_exporter.metrics.catalogue import FAMILIES

__all__ = ["DOCUMENT", "document", "main", "nothing", "undecided"]

_ROOT: Final = Path(__file__).parents[1]
DOCUMENT: Final = _ROOT / "docs" / "alerts-by-metric.md"


def nothing() -> dict[str, str]:
    """Return the families for which nothing is wanted, and why."""
    read: dict[str, str] = yaml.safe_load((Path(__file__).parent / "nothing.yml").read_text())
    return read


def document() -> str:
    """Return the table."""
    alerts, dashboards, reasons = _alerts(), _dashboards(), nothing()
    lines = [
        "# Alerts by metric",
        "",
        "What becomes of each metric: the alerts that name it, the dashboards that show it, or why there is neither.",
        "`make generate` writes this page; the reasons are in `alerts/nothing.yml`.",
        "",
        "| Metric | Alerts | Dashboards |",
        "| --- | --- | --- |",
    ]
    for family in FAMILIES:
        named = ", ".join(sorted(alerts[family.name]))
        shown = ", ".join(sorted(dashboards[family.name]))
        said = f"none: {reasons[family.name]}" if family.name in reasons else ""
        lines.append(f"| `{family.name}` | {named or said} | {shown} |")
    return "\n".join(lines) + "\n"


def undecided() -> set[str]:
    """Return the families that no alert, no dashboard and no reason names."""
    alerts, dashboards, reasons = _alerts(), _dashboards(), nothing()
    return {one.name for one in FAMILIES if not alerts[one.name] | dashboards[one.name]} - set(reasons)


def _alerts() -> defaultdict[str, set[str]]:
    groups = load()
    recorded = {rule.record: rule.expr for group in groups for rule in group.rules if rule.record}
    found: defaultdict[str, set[str]] = defaultdict(set)
    for rule in (rule for group in groups for rule in group.rules if rule.alert and "ALERTS{" not in rule.expr):
        names = re.findall(r"(?:cluster|instance):[\w:]+", rule.expr)
        for expr in (rule.expr, *(recorded[name] for name in names)):
            for family in _families(expr):
                found[family].add(rule.alert)
    return found


def _dashboards() -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted((_ROOT / "dashboards" / "json").glob("*.json")):
        for family in _families(path.read_text()):
            found[family].add(path.stem)
    return found


def _families(text: str) -> set[str]:
    """Return the families whose series an expression selects."""
    names = set(re.findall(r"\b(\w+)\{", text))
    return {one.name for one in FAMILIES if names & {*one.series, f"{one.name}_bucket"}}


def main() -> None:
    """Write the page."""
    DOCUMENT.write_text(document())


if __name__ == "__main__":
    main()
