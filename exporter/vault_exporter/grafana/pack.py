"""Dashboards in the forms that Grafana takes them in: JSON, a directory for provisioning, ConfigMaps for a sidecar."""

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
"""Grafana's folder for them."""


def names() -> tuple[str, ...]:
    """Return the names of the dashboards, which are their uids.

    Raises:
        ResourceError: they are missing from this installation.
    """
    return tuple(sorted(path.stem for path in resource("dashboards").glob("*.json")))


def read(name: str, wishes: DashboardOptions) -> Json:
    """Return a dashboard as wished.

    Raises:
        ResourceError: there is none of that name in this installation.
    """
    dashboard: Json = json.loads(resource("dashboards", f"{name}.json").read_text(encoding="utf-8"))
    return adapted(dashboard, wishes)


def as_json(dashboard: Json) -> str:
    """Return the text that Grafana imports."""
    return json.dumps(dashboard, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def as_config_maps(dashboards: Mapping[str, Json]) -> str:
    """Return one ConfigMap a dashboard, as YAML, with the label that Grafana's sidecar looks for.

    One for all of them would come near the mebibyte that Kubernetes allows.
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
    """Yield the files of a directory to mount, by their paths in it: provisioning files, and the dashboards.

    Raises:
        ResourceError: the provisioning files are missing from this installation.
    """
    source = resource("provisioning")
    for path in sorted(source.glob("*/*.yml")):
        yield Path("provisioning") / path.relative_to(source), path.read_text(encoding="utf-8")
    for name, dashboard in dashboards.items():
        yield Path("dashboards") / f"{name}.json", as_json(dashboard)


def write_bundle(directory: Path, dashboards: Mapping[str, Json]) -> tuple[Path, ...]:
    """Write them, over files of the same names, and return the paths.

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
