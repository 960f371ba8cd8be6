"""Write the chart's files: ``python -m deploy.helm.generate``; with ``--check``, only say whether they are current.

The chart has the pack's rules, dashboards and Alertmanager configuration under ``files/``, and a table of its values in
``README.md``. All come from the pack and from ``values.yaml``.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from vault_exporter.alert_rules import Group, Profile, Rule, apply, load, parameters, select
from vault_exporter.alert_rules.alertmanager import alertmanager_config, subtree, templates
from vault_exporter.alert_rules.build import thresholds
from vault_exporter.alert_rules.parameters import JOBS
from vault_exporter.config.schema.shard import MOST_SHARDS
from vault_exporter.grafana import pack
from vault_exporter.grafana.adapt import DashboardOptions

__all__ = ["CHART", "main", "texts"]

CHART: Final = Path(__file__).parent / "vault-exporter"
_RUNBOOK: Final = "https://runbook.invalid/"
_DASHBOARD: Final = "https://dashboard.invalid"
"""Addresses in the place of the chart's own; a rule takes only URLs."""
_KEY: Final = re.compile(r"( *)([\w-]+):(?: (.*))?")
_INDENT: Final = 2
_CHOICES: Final = {
    "image.pullPolicy": ["Always", "IfNotPresent", "Never"],
    "vault.scheme": ["http", "https"],
    "vault.auth.method": ["kubernetes", "none", "token"],
    "web.scheme": ["http", "https"],
    "probes.type": ["exec", "http", "tcp"],
    "prometheusRule.profile": [profile.value for profile in Profile],
    "dashboards.kind": ["ConfigMap", "GrafanaDashboard"],
    "alertmanager.kind": ["AlertmanagerConfig", "Secret"],
    "agents.injector.scheme": ["http", "https"],
    "agents.agent.scheme": ["http", "https"],
    "agents.proxy.scheme": ["http", "https"],
}
_JOBS: Final = {name: f"@{name}@" for name in JOBS}
"""A mark in place of each job."""
_STRINGS: Final = {"additionalProperties": {"type": "string"}}
_OBJECTS: Final[dict[str, dict[str, Any]]] = {
    "commonLabels": _STRINGS,
    "commonAnnotations": _STRINGS,
    "vault.podLabels": _STRINGS,
    "monitors.additionalLabels": _STRINGS,
    "monitors.annotations": _STRINGS,
    "prometheusRule.additionalLabels": _STRINGS,
    "prometheusRule.parameters": {"additionalProperties": {"type": "number"}},
    "prometheusRule.severities": {
        "additionalProperties": False,
        "properties": {
            one: {"type": "string", "pattern": "^[A-Za-z0-9_.:/-]+$"} for one in ("critical", "warning", "info")
        },
    },
    "prometheusRule.alerts": {
        "additionalProperties": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "enabled": {"type": "boolean"},
                "for": {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"},
                "severity": {"enum": ["critical", "warning", "info"]},
            },
        }
    },
    "dashboards.labels": _STRINGS,
    "dashboards.additionalLabels": _STRINGS,
    "alertmanager.additionalLabels": _STRINGS,
}
"""What an object may hold, where it is not free."""
_NUMBERS: Final[dict[str, dict[str, Any]]] = {
    "central.shards": {"minimum": 1, "maximum": MOST_SHARDS},
    "vault.replicas": {"minimum": 1},
}
"""The bounds of a number, where not every number from 0 is good."""


def texts() -> dict[Path, str]:
    """Return what each generated file should contain."""
    files = CHART / "files"
    dashboards = {name: pack.read(name, DashboardOptions()) for name in pack.names()}
    return {
        files / "rules.json": _pretty(_rules()),
        files / "alertmanagerconfig.json": _pretty(alertmanager_config("@keys_secret@")),
        files / "alertmanager.json": _pretty(_whole_alertmanager()),
        files / "vault.tmpl": templates(),
        **{files / "dashboards" / f"{name}.json": pack.as_small_json(one) for name, one in dashboards.items()},
        CHART / "README.md": _readme(),
        CHART / "values.schema.json": _pretty(_schema()),
    }


def _pretty(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _rules() -> dict[str, Any]:
    """Return the rules with names between @ in place of jobs, addresses and thresholds, and the profile of each."""
    groups = apply(
        load(),
        {
            **_JOBS,
            "runbook_url": f"{_RUNBOOK}{{name}}",
            "dashboard_url": _DASHBOARD,
        },
    )
    declared = parameters()
    marks = {name: f"@{name}@" for name in declared}
    marked = apply(_marked(load(), marks), _JOBS)
    expressions = {rule.name: rule.expr for group in marked for rule in group.rules}
    profiles = _profiles(groups)
    return {
        "parameters": {name: one.value for name, one in declared.items()},
        "groups": [
            {"name": group.name, "rules": [_rule(rule, expressions[rule.name], profiles) for rule in group.rules]}
            for group in groups
        ],
    }


def _marked(groups: Iterable[Group], marks: dict[str, str]) -> Iterator[Group]:
    for group in groups:
        yield Group(
            group.name,
            tuple(
                Rule(thresholds(rule.template or rule.expr, marks), alert=rule.alert, record=rule.record)
                for rule in group.rules
            ),
        )


def _profiles(groups: tuple[Group, ...]) -> dict[str, str]:
    """Return the smallest profile of each rule; that of a recording rule is the smallest of the alerts that use it."""
    found: dict[str, str] = {}
    for profile in Profile:
        for group in select(groups, profile):
            for rule in group.rules:
                found.setdefault(rule.name, profile.value)
    return found


def _rule(rule: Rule, expr: str, profiles: dict[str, str]) -> dict[str, Any]:
    annotations = {
        key: text.replace(f"{_RUNBOOK}{rule.alert}", "@runbook@").replace(_DASHBOARD, "@dashboard_url@")
        for key, text in rule.annotations.items()
    }
    fields = {
        "alert": rule.alert,
        "record": rule.record,
        "profile": profiles.get(rule.name, Profile.ALL.value),
        "expr": expr,
        "for": rule.for_,
        "labels": rule.labels,
        "annotations": annotations,
    }
    return {key: value for key, value in fields.items() if value}


def _whole_alertmanager() -> dict[str, Any]:
    """Return the subtree below a root route that sends other alerts nowhere."""
    read = subtree()
    return {**read, "templates": ["@templates@/vault.tmpl"], "route": {"receiver": "vault-nowhere", **read["route"]}}


def _readme() -> str:
    rows = "".join(f"| `{name}` | {default} | {text} |\n" for name, default, text in _described())
    return (
        "# vault-exporter\n\n"
        "Helm chart of [vault-exporter](../../../README.md). "
        "[docs/kubernetes.md](../../../docs/kubernetes.md) says how to use it.\n\n"
        "The rules, dashboards and Alertmanager configuration under `files/` are those of the pack, and this page is\n"
        "made from `values.yaml`: `make generate` writes both.\n\n"
        "| Value | Default | Meaning |\n| --- | --- | --- |\n" + rows
    )


def _schema() -> dict[str, Any]:
    """Return the JSON schema of the values: no unknown name, the type of the default, and the choices."""
    values = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    root: dict[str, Any] = {"$schema": "http://json-schema.org/draft-07/schema#", **_object()}
    root["properties"]["global"] = {"type": "object"}
    for name, _, text in _described():
        *above, last = name.split(".")
        default, place = values, root
        for key in above:
            default = default[key]
            place = place["properties"].setdefault(key, _object())
        place["properties"][last] = {"description": text, **_type(name, default[last])}
    return root


def _object() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": {}}


def _type(name: str, default: object) -> dict[str, Any]:
    if choices := _CHOICES.get(name):
        return {"enum": choices}
    match default:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer", "minimum": 0, **_NUMBERS.get(name, {})}
        case str():
            return {"type": "string", "minLength": 1} if default else {"type": "string"}
        case list():
            return {"type": "array"}
        case _:
            return {"type": "object", **_OBJECTS.get(name, {})}


def _described() -> Iterator[tuple[str, str, str]]:
    """Yield name, default and comment of each value in ``values.yaml``.

    Raises:
        ValueError: a value has no comment above it.
    """
    text = (CHART / "values.yaml").read_text(encoding="utf-8")
    values = yaml.safe_load(text)
    above: list[str] = []
    comment: list[str] = []
    inside: int | None = None
    for line in text.splitlines():
        if line.lstrip().startswith("# "):
            comment.append(line.strip().removeprefix("# "))
            continue
        found = _KEY.fullmatch(line)
        if not line.strip() or found is None:
            comment = [] if not line.strip() else comment
            continue
        depth = len(found[1]) // _INDENT
        if inside is not None and depth > inside:
            continue
        inside = None
        above[depth:] = [found[2]]
        value = values
        for key in above:
            value = value[key]
        if comment:
            yield ".".join(above), f"`{json.dumps(value)}`".replace("|", "\\|"), " ".join(comment).replace("|", "\\|")
            inside = depth
        elif not isinstance(value, dict):
            raise ValueError(f"values.yaml: {'.'.join(above)} has no comment above it")
        comment = []


def main(arguments: list[str] | None = None) -> int:
    """Write or check every file; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.helm.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    options = parser.parse_args(arguments)
    wanted = texts()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    unknown = sorted({path for path in (CHART / "files").rglob("*") if path.is_file()} - set(wanted))
    if options.check:
        for path in (*stale, *unknown):
            sys.stderr.write(f"{path} is not what the pack generates; run make generate\n")
        return 1 if stale or unknown else 0
    for path in unknown:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
