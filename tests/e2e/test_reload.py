"""SIGHUP, as a service manager sends it."""

import json
import signal
from pathlib import Path

import yaml

from tests.e2e.conftest import StartExporter
from tests.lab.waiting import wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.page import parse
from vault_exporter.metrics.exposition import Format


def names(exporter: ExporterProcess) -> list[str]:
    return [group["labels"]["instance"] for group in json.loads(exporter.get("/sd"))]


def successful(exporter: ExporterProcess) -> float | None:
    return parse(exporter.get("/metrics"), Format.TEXT).value("vault_exporter_config_last_reload_successful")


def test_sighup_swaps_the_configuration_or_keeps_it(start_exporter: StartExporter, tmp_path: Path) -> None:
    exporter = start_exporter(targets=[{"name": "n1", "address": "http://127.0.0.1:1"}])
    (file,) = tmp_path.glob("vault-exporter-*.yml")
    config = yaml.safe_load(file.read_text())
    assert names(exporter) == ["n1"]
    assert successful(exporter) == 1

    config["targets"].append({"name": "n2", "address": "http://127.0.0.1:1", "cluster": "prod"})
    file.write_text(yaml.safe_dump(config))
    exporter.service.signal(signal.SIGHUP)
    wait_until(lambda: names(exporter) == ["n1", "n2"], what="the new target")

    file.write_text(yaml.safe_dump(config | {"targetz": "planted"}))
    exporter.service.signal(signal.SIGHUP)
    wait_until(lambda: successful(exporter) == 0, what="the refusal")
    assert names(exporter) == ["n1", "n2"]
    log = exporter.service.log.read_text()
    assert "targetz: unknown key; did you mean targets?" in log
    assert "planted" not in log

    file.write_text(yaml.safe_dump(config | {"targets": config["targets"][1:]}))
    exporter.service.signal(signal.SIGHUP)
    wait_until(lambda: names(exporter) == ["n2"], what="the next good one")
    assert successful(exporter) == 1
