"""A real Alertmanager with the pack's configuration, pointed at a recorder."""

import copy
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

import yaml

from tests.lab.pagerduty import Recorder
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.process import Service, free_port

FOLDER: Final = Path(__file__).parents[2] / "alerts" / "alertmanager"
CONFIG: Final = FOLDER / "alertmanager.yml"

_BEAT: Final = ("group_interval", "repeat_interval")

Json = dict[str, Any]


class Alertmanager:
    """A real one, with the configuration as it is, but for addresses, key files and waiting times.

    Use it as a context manager.
    """

    def __init__(
        self,
        folder: Path,
        recorder: Recorder,
        *,
        group_wait: str = "200ms",
        group_interval: str = "500ms",
        program: str = "prometheus-alertmanager",
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Start it.

        Args:
            folder: an existing directory of its own.
            recorder: what stands in the place of PagerDuty, the dead man's switch, and every other webhook.
            group_wait: of every route.
            group_interval: of every route but the heartbeat's, whose times are divided by 20.
            program: which Alertmanager.
            config: what it is to run with; the pack's whole file by default.
        """
        self.recorder = recorder
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        settings: Json = copy.deepcopy(dict(config or yaml.safe_load(CONFIG.read_text())))
        settings["global"] = {"pagerduty_url": f"http://127.0.0.1:{recorder.port}/v2/enqueue"}
        for route in _routes(settings["route"]):
            if route["receiver"] == "vault-heartbeat":
                route.update({key: f"{int(route[key].removesuffix('s')) * 50}ms" for key in _BEAT}, group_wait="0s")
            else:
                route.update(group_wait=group_wait, group_interval=group_interval)
        for receiver in settings["receivers"]:
            for pagerduty in receiver.get("pagerduty_configs", []):
                key = folder / Path(pagerduty["routing_key_file"]).name
                key.write_text(f"key of {key.stem}")
                pagerduty["routing_key_file"] = str(key)
            for webhook in receiver.get("webhook_configs", []):
                webhook["url"] = f"http://127.0.0.1:{recorder.port}/{urlsplit(webhook['url']).hostname}"
        (folder / "alertmanager.yml").write_text(yaml.safe_dump(settings))
        (folder / "vault.tmpl").write_text((FOLDER / "vault.tmpl").read_text())
        self.service = Service(
            "alertmanager",
            [
                program,
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
        with urllib.request.urlopen(f"http://{self.address}/api/v2/alerts", timeout=PATIENCE) as answer:
            found: list[Json] = json.load(answer)
            return found

    def names(self, cluster: str) -> set[str]:
        """The names of the alerts of a cluster that it holds."""
        return {alert["labels"]["alertname"] for alert in self.alerts() if alert["labels"].get("cluster") == cluster}

    def suppressed(self, cluster: str) -> set[str]:
        """The names of those that it inhibits."""
        return {
            alert["labels"]["alertname"]
            for alert in self.alerts()
            if alert["labels"].get("cluster") == cluster and alert["status"]["state"] == "suppressed"
        }

    def send(self, *alerts: Mapping[str, Any]) -> None:
        request = urllib.request.Request(
            f"http://{self.address}/api/v2/alerts",
            data=json.dumps(alerts).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
            assert answer.status == 200

    def wait_for_events(self, cluster: str, number: int) -> list[Json]:
        wait_until(lambda: len(self.recorder.events(cluster)) >= number, what=f"event {number} of {cluster}")
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
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=PATIENCE) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


def _routes(route: Json) -> Iterator[Json]:
    yield route
    for below in route.get("routes", []):
        yield from _routes(below)
