"""The pods that the chart renders, as processes: the same arguments, environment and files, at paths of their own."""

import base64
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.deploy.chart import Json, named
from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import Service, program

ISSUED = 1_700_000_000
FAR = 4_000_000_000
"""From 2023 to 2096."""


def service_account_token(namespace: str, name: str) -> str:
    """Return a token of a service account, as the kubelet writes it into a pod."""
    claims = {
        "iss": "kubernetes/serviceaccount",
        "sub": f"system:serviceaccount:{namespace}:{name}",
        "aud": ["vault"],
        "iat": ISSUED,
        "nbf": ISSUED,
        "exp": FAR,
        "kubernetes.io": {"namespace": namespace, "serviceaccount": {"name": name, "uid": "1"}},
    }
    header = {"alg": "ES256", "typ": "JWT"}
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), bytes(64)]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


class Pod:
    """One container of the exporter with its files.

    Paths in the container become paths below a directory, and addresses become those of the machine.
    """

    def __init__(
        self,
        directory: Path,
        objects: list[Json],
        container: Json,
        volumes: list[Json],
        *,
        token: str,
        directories: Mapping[str, Path],
        addresses: Mapping[str, str],
    ) -> None:
        """Lay out the files.

        Args:
            directory: where to; it is made.
            objects: what the chart renders, with the ConfigMaps.
            container: of the pod.
            volumes: of the pod.
            token: of the pod's service account.
            directories: what the volumes that the chart does not make are here, by volume name.
            addresses: text in arguments, variables and files, and what it is here.
        """
        directory.mkdir()
        self._directory = directory
        self._container = container
        self._changes = dict(addresses)
        by_name = {volume["name"]: volume for volume in volumes}
        paths: dict[str, Path] = {"/var/run/secrets/kubernetes.io/serviceaccount": directory / "account"}
        for mount in container["volumeMounts"]:
            local = directories.get(mount["name"], directory / mount["name"])
            paths[mount["mountPath"]] = local / mount.get("subPath", "")
        self._changes.update({path: str(local) for path, local in paths.items()})
        for path, local in paths.items():
            local.mkdir(parents=True, exist_ok=True)
            if path.startswith("/var/run/secrets"):
                (local / "token").write_text(token)
        for mount in container["volumeMounts"]:
            if config_map := by_name.get(mount["name"], {}).get("configMap"):
                texts = {one["metadata"]["name"]: one["data"] for one in objects if one["kind"] == "ConfigMap"}
                for name, text in texts[config_map["name"]].items():
                    (paths[mount["mountPath"]] / name).write_text(self._here(text))

    @property
    def arguments(self) -> list[str]:
        return [self._here(argument) for argument in self._container["args"]]

    @property
    def config(self) -> Path:
        (option,) = (one for one in self.arguments if one.startswith("--config="))
        return Path(option.removeprefix("--config="))

    @property
    def variables(self) -> dict[str, str]:
        return {one["name"]: self._here(one["value"]) for one in self._container.get("env", [])}

    def policy(self) -> str:
        """Return the policy that the exporter prints in this container, as the notes of the chart ask for it."""
        done = subprocess.run(
            [program("vault-exporter"), "policy", "--config", self.config],
            check=True,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, **self.variables},
        )
        return done.stdout

    def start(self) -> Service:
        return Service(
            self._directory.name,
            [program("vault-exporter"), *self.arguments],
            log=self._directory / "log",
            cwd=self._directory,
            env=self.variables,
        )

    def _here(self, text: str) -> str:
        for there in sorted(self._changes, key=len, reverse=True):
            text = text.replace(there, self._changes[there])
        return text


def central_parts(objects: list[Json]) -> tuple[Json, list[Json]]:
    """Return container and volumes of the Deployment."""
    spec = named(objects, "Deployment")["spec"]["template"]["spec"]
    return spec["containers"][0], spec["volumes"]
