"""The chart as Helm renders it, and what Kubernetes and the Prometheus operator say of its objects."""

import functools
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Final

import kubernetes_validate
import yaml
from cloudcoil.models.prometheus_operator import v1, v1alpha1

from scripts.fetch_helm import fetch
from tests.lab.tools import fetched_once

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "deploy" / "helm" / "vault-exporter"
EXAMPLE: Final = ROOT / "deploy" / "examples" / "its-camera-ai"
SETS: Final = {
    "its-camera-ai": EXAMPLE / "values.yaml",
    **{path.stem: path for path in sorted((Path(__file__).parent / "values").glob("*.yml"))},
}
"""Sets of values, by name."""
KUBERNETES: Final = tuple(f"1.{minor}" for minor in range(25, 38))
LATEST: Final = "4"
"""The major version of Helm for everything but the matrix."""

_MODELS: Final[dict[str, Any]] = {
    "ServiceMonitor": v1.ServiceMonitor,
    "PodMonitor": v1.PodMonitor,
    "PrometheusRule": v1.PrometheusRule,
    "ScrapeConfig": v1alpha1.ScrapeConfig,
    "AlertmanagerConfig": v1alpha1.AlertmanagerConfig,
}
_GRAFANA: Final = {"allowCrossNamespaceImport", "folder", "instanceSelector", "json"}
"""What the chart uses of the Grafana operator's GrafanaDashboard v1beta1, which has no model on PyPI."""

Json = dict[str, Any]


def program(name: str, version: str = LATEST) -> Path:
    """Return ``helm`` or ``kubectl`` of a major version of Helm."""
    return fetched_once(f"helm-{version}", functools.partial(fetch, version)) / name


def helm(*arguments: str | Path, version: str = LATEST) -> subprocess.CompletedProcess[str]:
    """Run Helm, without the settings of the user."""
    command = [program("helm", version), *arguments]
    with tempfile.TemporaryDirectory() as home:
        environment = {"PATH": os.environ["PATH"], "HOME": home}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)


def template(
    *values: Path, version: str = LATEST, kubernetes: str = "1.34", namespace: str = "its-camera-ai", **settings: object
) -> list[Json]:
    """Return the objects of the chart. A setting's name has ``__`` in place of each dot."""
    done = helm(
        "template",
        "vault-exporter",
        CHART,
        *_options(values, settings, namespace),
        "--kube-version",
        kubernetes,
        version=version,
    )
    assert done.returncode == 0, done.stderr
    return [one for one in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if one]


def refusal(**settings: object) -> str:
    """Return why Helm renders nothing with these settings."""
    done = helm("template", "vault-exporter", CHART, *_options((), settings, "its-camera-ai"))
    assert done.returncode != 0
    return done.stderr


def _options(values: tuple[Path, ...], settings: Json, namespace: str) -> list[str | Path]:
    files = [part for path in values for part in ("--values", path)]
    pairs = [
        part
        for key, value in settings.items()
        for part in ("--set-json", f"{key.replace('__', '.')}={json.dumps(value)}")
    ]
    return ["--namespace", namespace, *files, *pairs]


def named(objects: list[Json], kind: str, end: str = "") -> Json:
    """Return the one object of a kind whose name ends so."""
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(end))
    return found


def validate(one: Json, kubernetes: str) -> None:
    """Check an object against Kubernetes' schema, or the operator's model; unknown keys are errors."""
    kind = one["kind"]
    if kind in _MODELS:
        _MODELS[kind].model_validate(one, extra="forbid")
    elif kind == "GrafanaDashboard":
        assert set(one["spec"]) == _GRAFANA
        json.loads(one["spec"]["json"])
    else:
        kubernetes_validate.validate(one, kubernetes, strict=True)
