"""Kustomize's base is the chart's output, and the overlay builds on it."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.chart import KUBERNETES, ROOT, named, program, template, validate

KUSTOMIZE = ROOT / "deploy" / "kustomize"


def build(folder: Path) -> list[dict[str, Any]]:
    command: list[str | Path] = [program("kubectl"), "kustomize", folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return list(yaml.load_all(done.stdout, Loader=yaml.CSafeLoader))


def test_the_base_is_the_output_of_the_chart(request: pytest.FixtureRequest) -> None:
    text = "# Made from the chart with values.yaml.\n" + yaml.safe_dump_all(
        template(KUSTOMIZE / "base" / "values.yaml", namespace="monitoring"), sort_keys=False, width=120
    )
    base = KUSTOMIZE / "base" / "vault-exporter.yaml"
    if request.config.getoption("--update-golden"):
        base.write_text(text)
    assert base.read_text() == text


def test_the_overlay_is_valid() -> None:
    objects = build(KUSTOMIZE / "overlay")
    for one in objects:
        validate(one, KUBERNETES[-1])
        assert one["metadata"]["namespace"] == "monitoring"
    container = named(objects, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "registry.example.com/vault-exporter:0.1.0"
    assert named(objects, "ScrapeConfig")["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert "cluster: prod" in named(objects, "ConfigMap")["data"]["vault-exporter.yml"]
