"""The stack of Docker Compose: its files are valid and current, and its programs work together without containers."""

import json
import os
import re
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose.generate import printed
from scripts.fetch_compose import fetch
from tests.lab.tools import fetched_once
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.process import Service, ServiceError, free_port, program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/compose"
Json = dict[str, Any]


def ran(*command: str | Path, **settings: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE, **settings)


@pytest.fixture(scope="module")
def compose() -> Path:
    """Return Docker Compose."""
    return fetched_once("compose", fetch) / "docker-compose"


@pytest.fixture
def stack(compose: Path) -> Json:
    """Return the stack as Compose understands it."""
    done = config(compose, FOLDER / "compose.yaml")
    assert (done.returncode, done.stderr) == (0, "")
    found: Json = json.loads(done.stdout)
    return found


def config(compose: Path, file: Path) -> subprocess.CompletedProcess[str]:
    return ran(
        compose, "-f", file, "config", "--format", "json", env={"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    )


def test_compose_finds_nothing_in_the_file_and_everything_that_is_mounted_exists(stack: Json) -> None:
    mounted = [
        Path(volume["source"])
        for service in stack["services"].values()
        for volume in service.get("volumes", ())
        if volume["type"] == "bind"
    ]
    assert len(mounted) > 5
    assert [path for path in mounted if not path.exists()] == []
    for name, service in stack["services"].items():
        # One command starts everything, and only this machine reaches it.
        assert "profiles" not in service, name
        # Compose copies these into the container, and cannot where that is read-only.
        assert not (service.get("read_only") and service.get("configs")), name
        assert {port["host_ip"] for port in service.get("ports", ())} <= {"127.0.0.1"}, name
        assert "build" in service or re.search(r":v?\d+\.\d+\.\d+$", service["image"]), name


def test_compose_does_find_a_wrong_key(compose: Path, tmp_path: Path) -> None:
    file = tmp_path / "compose.yaml"
    file.write_text((FOLDER / "compose.yaml").read_text().replace("read_only:", "readonly:"))
    done = config(compose, file)
    assert done.returncode != 0
    assert "readonly" in done.stderr


def test_policy_and_rules_are_what_the_exporter_prints() -> None:
    for name, text in printed().items():
        assert (FOLDER / name).read_text() == text, "write it anew with `make generate`"


def test_grafana_gets_what_the_exporter_prints(stack: Json, tmp_path: Path) -> None:
    bundle = ran(program("vault-exporter"), "dashboard", "--format", "bundle", "--output", tmp_path)
    assert bundle.returncode == 0, bundle.stderr
    grafana = stack["services"]["grafana"]
    volumes = {volume["target"]: Path(volume["source"]) for volume in grafana["volumes"] if volume["type"] == "bind"}
    (provider,) = yaml.safe_load(texts(volumes["/etc/grafana/provisioning/dashboards"])["vault.yml"])["providers"]
    assert texts(volumes[provider["options"]["path"]]) == texts(tmp_path / "dashboards")
    for kind in ("dashboards", "datasources"):
        assert texts(volumes[f"/etc/grafana/provisioning/{kind}"]) == texts(tmp_path / "provisioning" / kind)
    assert Path(grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).name == "vault-overview.json"
    sources = yaml.safe_load(texts(volumes["/etc/grafana/provisioning/datasources"])["vault.yml"])["datasources"]
    # What the files take from the environment is there, and leads to services of the stack.
    for source in sources:
        address = grafana["environment"][source["url"].removeprefix("$")]
        host, port = re.fullmatch(r"http://([\w-]+):(\d+)", address).groups()  # type: ignore[union-attr]
        assert port in {str(published["target"]) for published in stack["services"][host]["ports"]}


def texts(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_alertmanager_takes_its_files(stack: Json, tmp_path: Path) -> None:
    service = stack["services"]["alertmanager"]
    for volume in service["volumes"]:
        if volume["type"] == "bind":
            (tmp_path / Path(volume["target"]).name).write_text(Path(volume["source"]).read_text())
    keys = {Path(one["target"]).name: stack["configs"][one["source"]]["content"] for one in service["configs"]}
    text = (tmp_path / "alertmanager.yml").read_text().replace("/etc/alertmanager", str(tmp_path))
    (tmp_path / "alertmanager.yml").write_text(text)
    assert set(re.findall(rf"{tmp_path}/(\S+\.key)", text)) == set(keys)
    assert all(keys.values())
    done = ran("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stderr
    assert "1 templates" in done.stdout


def test_the_stack_works_together_as_processes(stack: Json, tmp_path: Path) -> None:
    """Run the commands of the services with their files, whose directories and host names are of this machine."""
    ports = {"openbao": free_port(), "vault-exporter": free_port(), "prometheus": free_port()}
    folders = {
        target: tmp_path / name
        for target, name in (
            ("/etc/openbao", "openbao"),
            ("/openbao/logs", "logs"),
            ("/run/vault-exporter", "run"),
            ("/var/lib/vault-exporter", "state"),
            ("/etc/vault-exporter", "config"),
            ("/etc/prometheus", "prometheus"),
            ("/prometheus", "data"),
        )
    }
    local = Local(folders, ports)
    for path in folders.values():
        path.mkdir()
    for source, target in (("openbao", "openbao"), ("prometheus", "prometheus")):
        for path in (FOLDER / source).iterdir():
            (tmp_path / target / path.name).write_text(local.text(path.read_text()))
    (tmp_path / "config/vault-exporter.yml").write_text(local.text((FOLDER / "vault-exporter.yml").read_text()))
    services = stack["services"]
    with ExitStack() as started:

        def start(name: str, command: list[str | Path]) -> None:
            environment = local.environment(services[name])
            log = tmp_path / f"{name}.log"
            started.enter_context(
                Service(name, command, log=log, cwd=tmp_path, env={"HOME": str(tmp_path), **environment})
            )

        start("openbao", [program("bao"), *local.arguments(services["openbao"])])
        health = local.words(services["openbao"]["healthcheck"]["test"][2:])
        wait_until(lambda: ran(program("bao"), *health).returncode == 0, what="OpenBao is unsealed")

        setup = services["setup"]
        owner = {"TOKEN_OWNER": f"{os.getuid()}:{os.getgid()}", "PATH": f"{program('bao').parent}:/usr/bin:/bin"}
        done = ran(*local.words(setup["entrypoint"]), env={**local.environment(setup), **owner})
        assert done.returncode == 0, done.stderr

        exporter = local.arguments(services["vault-exporter"])
        check = ran(program("vault-exporter"), "check", "--online", *exporter[1:])
        assert check.returncode == 0, check.stdout + check.stderr
        start("vault-exporter", [program("vault-exporter"), *exporter, f"--listen=127.0.0.1:{ports['vault-exporter']}"])

        page = ""

        def counted() -> bool:
            nonlocal page
            page = get(ports["vault-exporter"], "/metrics")
            return bool(re.search(r"^vault_audit_entries_total\{.*\} [1-9]", page, re.MULTILINE))

        wait_until(counted, what="the exporter counts the audit log")
        assert "\nvault_up 1\n" in page
        assert '\nvault_exporter_telemetry_status{status="ok"} 1\n' in page

        checked = ran("promtool", "check", "config", tmp_path / "prometheus/prometheus.yml")
        assert checked.returncode == 0, checked.stderr
        listen = f"--web.listen-address=127.0.0.1:{ports['prometheus']}"
        start("prometheus", ["prometheus", *local.arguments(services["prometheus"]), listen])

        def scraped() -> bool:
            query = urllib.parse.urlencode({"query": 'vault_up{job="vault",cluster="compose"} == 1'})
            answer = get(ports["prometheus"], f"/api/v1/query?{query}")
            return bool(answer and json.loads(answer)["data"]["result"])

        wait_until(scraped, what="Prometheus has the node")
        rules = json.loads(get(ports["prometheus"], "/api/v1/rules"))["data"]["groups"]
        assert "VaultDown" in {rule["name"] for group in rules for rule in group["rules"]}

        said = ""

        def is_good() -> bool:
            nonlocal said
            address = f"http://127.0.0.1:{ports['prometheus']}"
            said = ran(program("vault-exporter"), "doctor", "--prometheus", address, exporter[1]).stdout
            return "Result: no finding.\n" in said

        # Until everything has been scraped and evaluated, something is missing.
        with suppress(ServiceError):
            wait_until(is_good, what="no finding", interval=1)
        assert "Result: no finding.\n" in said


class Local:
    """Turns what is said for containers into what holds on this machine."""

    def __init__(self, folders: Mapping[str, Path], ports: Mapping[str, int]) -> None:
        paths = sorted(folders.items(), reverse=True)
        self._changes = [(rf"(?<![\w.-]){re.escape(name)}\b", str(path)) for name, path in paths]
        for name, port in (("openbao", 8200), ("vault-exporter", 9410)):
            # By name, or where the server listens and asks itself.
            address = rf"(?<![\w-])({name}|0\.0\.0\.0|127\.0\.0\.1):{port}\b"
            self._changes.append((address, f"127.0.0.1:{ports[name]}"))

    def text(self, text: str) -> str:
        for pattern, replacement in self._changes:
            text = re.sub(pattern, replacement, text)
        return text

    def words(self, words: list[str]) -> list[str]:
        return [self.text(word) for word in words]

    def arguments(self, service: Json) -> list[str]:
        return self.words(service["command"])

    def environment(self, service: Json) -> dict[str, str]:
        return {name: self.text(value) for name, value in service.get("environment", {}).items()}


def get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE) as response:
            text: str = response.read().decode()
            return text
    except OSError:
        return ""
