"""A real Alertmanager with the pack's configuration, pointed at a recorder."""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Self

import yaml

from tests.lab.pagerduty import Recorder
from vault_exporter.demo.process import Service, free_port, wait_until

FOLDER: Final = Path(__file__).parents[2] / "alerts" / "alertmanager"
CONFIG: Final = FOLDER / "alertmanager.yml"

Json = dict[str, Any]


class Alertmanager:
    """A real one, with the configuration as it is, but for addresses, key files and waiting times.

    Use it as a context manager.
    """

    def __init__(
        self, folder: Path, recorder: Recorder, *, group_wait: str = "200ms", group_interval: str = "500ms"
    ) -> None:
        self.recorder = recorder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = yaml.safe_load(CONFIG.read_text())
        config["global"] = {"pagerduty_url": f"http://127.0.0.1:{recorder.port}/v2/enqueue"}
        for route in (config["route"], *config["route"]["routes"]):
            route["group_wait"], route["group_interval"] = group_wait, group_interval
        for receiver in config["receivers"]:
            for pagerduty in receiver.get("pagerduty_configs", []):
                key = folder / Path(pagerduty["routing_key_file"]).name
                key.write_text(f"key of {receiver['name']}")
                pagerduty["routing_key_file"] = str(key)
            for webhook in receiver.get("webhook_configs", []):
                webhook["url"] = f"http://127.0.0.1:{recorder.port}/heartbeat"
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
        (folder / "vault.tmpl").write_text((FOLDER / "vault.tmpl").read_text())
        self.service = Service(
            "alertmanager",
            [
                "prometheus-alertmanager",
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'data'}",
                f"--web.listen-address={self.address}",
                "--web.external-url=https://alertmanager.test",
                "--web.route-prefix=/",
                "--cluster.listen-address=",
            ],
            log=folder / "log",
            cwd=folder,
        )

    def alerts(self) -> list[Json]:
        """What it holds, with the state of each."""
        with urllib.request.urlopen(f"http://{self.address}/api/v2/alerts", timeout=5) as answer:
            found: list[Json] = json.load(answer)
            return found

    def send(self, *alerts: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"http://{self.address}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - HTTP
            assert answer.status == 200

    def wait_for_events(self, cluster: str, number: int) -> list[Json]:
        wait_until(
            lambda: len(self.recorder.events(cluster)) >= number, timeout=15, what=f"event {number} of {cluster}"
        )
        return self.recorder.events(cluster)

    def __enter__(self) -> Self:
        try:
            self.service.wait_until(self._is_ready)
        except BaseException:
            self.service.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.service.stop()

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False
