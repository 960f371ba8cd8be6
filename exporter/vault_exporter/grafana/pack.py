"""Package dashboards as JSON, as a directory for provisioning, or as ConfigMaps for a sidecar."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import yaml

from vault_exporter.assets import resource
from vault_exporter.grafana.adapt import DashboardOptions, adapted
from vault_exporter.util.kubernetes import Metadata

__all__ = [
    "FOLDER",
    "as_config_maps",
    "as_json",
    "as_resources",
    "as_small_json",
    "bundle",
    "names",
    "read",
    "write_bundle",
]

Json = dict[str, Any]

FOLDER: Final = "Vault"
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


def as_small_json(dashboard: Json) -> str:
    """Return the JSON text on one line, for objects of Kubernetes, whose size is limited."""
    return json.dumps(dashboard, separators=(",", ":"), sort_keys=True, ensure_ascii=False) + "\n"


def as_config_maps(dashboards: Mapping[str, Json], metadata: Metadata, folder: str = FOLDER) -> str:
    """Return one ConfigMap per dashboard as YAML, with the label and annotation that Grafana's sidecar reads.

    The JSON is on one line: ``kubectl apply`` keeps the object in an annotation of at most 262,144 bytes.

    Args:
        dashboards: the dashboards by name.
        metadata: metadata of the objects; its name is the beginning of their names.
        folder: the folder in Grafana.
    """

    def content(name: str, text: str) -> Json:
        return {"data": {f"{name}.json": text}}

    read_by_sidecar = {"labels": {"grafana_dashboard": "1"}, "annotations": {"grafana_folder": folder}}
    return _objects("v1", "ConfigMap", dashboards, metadata, content, read_by_sidecar)


def as_resources(dashboards: Mapping[str, Json], metadata: Metadata, folder: str = FOLDER) -> str:
    """Return one GrafanaDashboard of the Grafana operator per dashboard as YAML.

    Args:
        dashboards: the dashboards by name.
        metadata: metadata of the objects; its name is the beginning of their names.
        folder: the folder in Grafana.
    """

    def content(_: str, text: str) -> Json:
        selector = {"matchLabels": {"dashboards": "grafana"}}
        spec = {"allowCrossNamespaceImport": True, "folder": folder, "instanceSelector": selector, "json": text}
        return {"spec": spec}

    return _objects("grafana.integreatly.org/v1beta1", "GrafanaDashboard", dashboards, metadata, content)


def _objects(
    version: str,
    kind: str,
    dashboards: Mapping[str, Json],
    metadata: Metadata,
    content: Callable[[str, str], Json],
    own: Mapping[str, Mapping[str, str]] = MappingProxyType({}),
) -> str:
    """Return an object of Kubernetes per dashboard as YAML.

    Args:
        version: API version of the objects.
        kind: their kind.
        dashboards: the dashboards by name.
        metadata: what the user wants of their metadata.
        content: makes the rest of an object from the dashboard's name and JSON text.
        own: ``labels`` and ``annotations`` that the objects have by themselves.
    """
    prefix = metadata.name or "grafana"
    objects = [
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": metadata.of(f"{prefix}-{name}", **own),
            **content(name, as_small_json(dashboard)),
        }
        for name, dashboard in dashboards.items()
    ]
    return yaml.safe_dump_all(objects, sort_keys=False, explicit_start=True)


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
