"""Package dashboards as JSON, as a directory for provisioning, or as ConfigMaps for a sidecar."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from vault_exporter.assets import resource
from vault_exporter.grafana.adapt import DashboardOptions, adapted

__all__ = ["as_config_maps", "as_json", "bundle", "names", "read", "write_bundle"]

Json = dict[str, Any]

_FOLDER: Final = "Vault"
"""The folder in Grafana."""


def names() -> tuple[str, ...]:
    """Return the names of the dashboards, which are their uids.

    Raises:
        ResourceError: the dashboards are missing from this installation.
    """
    return tuple(sorted(path.stem for path in resource("dashboards").glob("*.json")))


def read(name: str, options: DashboardOptions) -> Json:
    """Return an adapted dashboard.

    Raises:
        ResourceError: the dashboard is missing from this installation.
    """
    dashboard: Json = json.loads(resource("dashboards", f"{name}.json").read_text(encoding="utf-8"))
    return adapted(dashboard, options)


def as_json(dashboard: Json) -> str:
    """Return the JSON text for import into Grafana."""
    return json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_config_maps(dashboards: Mapping[str, Json]) -> str:
    """Return one ConfigMap per dashboard as YAML, with the label that Grafana's sidecar selects.

    A single ConfigMap would be close to Kubernetes' limit of 1 MiB.
    """
    return yaml.safe_dump_all(
        [
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": f"grafana-{name}",
                    "labels": {"grafana_dashboard": "1"},
                    "annotations": {"grafana_folder": _FOLDER},
                },
                "data": {f"{name}.json": as_json(dashboard)},
            }
            for name, dashboard in dashboards.items()
        ],
        sort_keys=False,
        explicit_start=True,
    )


def bundle(dashboards: Mapping[str, Json]) -> Iterator[tuple[Path, str]]:
    """Yield the files of a directory to mount, with their relative paths: provisioning files and dashboards.

    Raises:
        ResourceError: the provisioning files are missing from this installation.
    """
    source = resource("provisioning")
    for path in sorted(source.glob("*/*.yml")):
        yield Path("provisioning") / path.relative_to(source), path.read_text(encoding="utf-8")
    for name, dashboard in dashboards.items():
        yield Path("dashboards") / f"{name}.json", as_json(dashboard)


def write_bundle(directory: Path, dashboards: Mapping[str, Json]) -> tuple[Path, ...]:
    """Write the files, overwrite existing ones, and return the paths.

    Raises:
        OSError: a file cannot be written.
        ResourceError: the provisioning files are missing from this installation.
    """
    written = []
    for path, text in bundle(dashboards):
        file = directory / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        written.append(file)
    return tuple(written)
