"""What a PromQL expression names, read off its syntax tree."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import promql_parser
import yaml

from dashboards import native
from vault_exporter.metrics.catalogue import FAMILIES

TARGET_LABELS: Final = {"job", "cluster", "instance"}
_RULES: Final = Path(__file__).parents[2] / "alerts" / "rules"
RULE_FILES: Final = sorted(set(_RULES.glob("*.yml")) - {_RULES / "inhibition.yml"})
"""All but the rule on other alerts, which names no metrics of its own; see test_inhibition.py."""
RECORDED: Final = frozenset(
    rule["record"]
    for path in RULE_FILES
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
    if "record" in rule
)
"""Names of recording rules; they begin with the level that they are of."""


def _of_recorded(name: str) -> set[str]:
    """Return the labels of what is recorded of a level: a node's are those of its target."""
    labels = TARGET_LABELS if name.startswith("instance:") else {"cluster"}
    return {*labels, "cluster_id"} if name == "instance:vault_active:bool" else set(labels)


KNOWN: Final = {
    **{name: _of_recorded(name) for name in RECORDED},
    **{metric.name: {*metric.labels, *TARGET_LABELS} for metric in native.METRICS},
    **{series: {*family.labels, *TARGET_LABELS} for family in FAMILIES for series in family.series},
    **{f"{family.name}_bucket": {*family.labels, "le", *TARGET_LABELS} for family in FAMILIES if family.buckets},
}
"""Every series that rules and panels may name, with its labels."""
COUNTERS: Final = {
    *(metric.name for metric in native.METRICS if metric.counter),
    *(series for family in FAMILIES if family.type != "gauge" for series in family.series),
}
"""Those that only grow."""


def parse(expr: str) -> promql_parser.Expr:
    """Parse, with Grafana's own variables in the place where a duration stands."""
    return promql_parser.parse(re.sub(r"\$__(rate_interval|interval|range)\b", "5m", expr))


def nodes(expr: str) -> Iterator[promql_parser.Expr]:
    found: list[promql_parser.Expr] = []
    promql_parser.walk(parse(expr), pre_visit=found.append)
    yield from found


def selectors(expr: str) -> list[promql_parser.VectorSelector]:
    return [node for node in nodes(expr) if isinstance(node, promql_parser.VectorSelector)]


def unknown(expr: str) -> list[str]:
    """Say what the expression names that does not exist: metrics, and labels they do not have."""
    result, labels = [], set(TARGET_LABELS)
    for selector in selectors(expr):
        name = selector.name or ""
        if name not in KNOWN:
            result.append(f"metric {name}")
            continue
        labels |= KNOWN[name]
        result += [
            f"label {m.name} of {name}" for m in selector.matchers.matchers if m.name not in {"__name__", *KNOWN[name]}
        ]
    every = list(nodes(expr))
    for node in every:
        labels |= _made(node)
    grouped = [label for node in every for label in _grouping(node)]
    return result + [f"label {label}" for label in grouped if label not in labels]


def result_labels(expr: str) -> set[str]:
    """Say which labels every series of the expression's result has."""
    return _labels(parse(expr))


def _labels(node: promql_parser.Expr) -> set[str]:
    labels: set[str] = set()
    match node:
        case promql_parser.VectorSelector():
            labels = set(KNOWN[node.name or ""])
        case promql_parser.MatrixSelector():
            labels = _labels(node.vector_selector)
        case promql_parser.ParenExpr() | promql_parser.UnaryExpr() | promql_parser.SubqueryExpr():
            labels = _labels(node.expr)
        case promql_parser.AggregateExpr():
            labels = set(node.modifier.labels) if node.modifier else set()
        case promql_parser.Call():
            labels = set().union(*map(_labels, node.args))
            labels -= {"le"} if node.func.name == "histogram_quantile" else set()
            labels |= _made(node)
        case promql_parser.BinaryExpr():
            labels = _labels_of_both(node)
    return labels


def _labels_of_both(node: promql_parser.BinaryExpr) -> set[str]:
    left, right = _labels(node.lhs), _labels(node.rhs)
    match str(node.op):
        case "and" | "unless":
            return left
        case "or":
            return left & right
    if not left or not right:  # one is a number
        return left | right
    if node.modifier and node.modifier.card == promql_parser.VectorMatchCardinality.OneToMany:
        return right
    return left


def _made(node: promql_parser.Expr) -> set[str]:
    """Return the label that ``label_replace`` puts something into."""
    if isinstance(node, promql_parser.Call) and node.func.name == "label_replace":
        _, label, replacement, *_ = node.args
        if isinstance(label, promql_parser.StringLiteral) and isinstance(replacement, promql_parser.StringLiteral):
            return {label.val} if replacement.val else set()
    return set()


def _grouping(node: promql_parser.Expr) -> list[str]:
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier:
        return node.modifier.labels
    if isinstance(node, promql_parser.BinaryExpr) and node.modifier:
        matching = node.modifier.matching.labels if node.modifier.matching else []
        return matching + (node.modifier.group_labels or [])
    return []
