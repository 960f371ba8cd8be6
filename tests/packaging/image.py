"""The container image, run with as few rights as it promises to need: ``make image-test`` builds it and runs this file.

It prints the image's size, and what a start and a health check cost in it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.openbao import dev_server
from vault_exporter.demo.process import free_port
from vault_exporter.demo.setup import prepare

ROOT: Final = Path(__file__).parents[2]
STORAGE: Final = ROOT / "build/image/storage.conf"
"""Where scripts/build-image keeps the image if it was built without a registry."""
DOCKER: Final = (
    not STORAGE.exists()
    and shutil.which("docker") is not None
    and subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0
)
IMAGE: Final = "vault-exporter" if DOCKER else "localhost/vault-exporter"
OLD_GROUPS: Final = not Path("/sys/fs/cgroup/cgroup.controllers").exists()
"""Podman's usual runtime wants the newer control groups."""
LARGEST: Final = 150_000_000
NAME: Final = f"vault-exporter-test-{os.getpid()}"
LIMITS: Final = ("--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=host")


def engine(*arguments: str | Path) -> str:
    """Run Docker or Podman, and return what it prints."""
    command = ["docker"] if DOCKER else ["podman", *(("--runtime", "runc") if OLD_GROUPS else ())]
    environment = os.environ | ({"CONTAINERS_STORAGE_CONF": str(STORAGE)} if STORAGE.exists() else {})
    done = subprocess.run(
        [*command, *arguments], check=False, capture_output=True, text=True, timeout=PATIENCE, env=environment
    )
    assert done.returncode == 0, (arguments, done.stdout, done.stderr)
    return done.stdout


def run(*arguments: str | Path) -> str:
    podman = () if DOCKER else ("--read-only-tmpfs=false",)
    return engine("run", *LIMITS, *podman, "--ulimit=nofile=20000:20000", "--ulimit=nproc=1000:1000", *arguments)


def inside(code: str) -> Any:
    """Run Python in the container, and return what it prints as JSON."""
    return json.loads(engine("exec", NAME, "python", "-c", code))


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Run the image beside a real server, whose audit log it reads; return where it listens."""
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o755)
    log = folder / "log"
    log.mkdir()
    port = free_port()
    with dev_server(folder, root_token="root", audit_log=log / "audit.log") as server:
        accounts = prepare(server.address, server.root_token)
        (folder / "token").write_text(accounts.exporter_token)
        (folder / "token").chmod(0o444)
        (log / "audit.log").chmod(0o644)
        run(
            *("--detach", f"--name={NAME}", f"--volume={log}:/vault/audit:ro", f"--volume={folder}/token:/token:ro"),
            *(IMAGE, "serve", f"--web.listen-address=127.0.0.1:{port}", f"--address={server.address}"),
            *("--token-file=/token", "--audit-log=/vault/audit/audit.log", "--audit-from-start"),
        )
        try:
            wait_until(lambda: "\nvault_audit_entries_total{" in page(port), what="the exporter reads the audit log")
            yield port
        finally:
            engine("rm", "--force", NAME)


def page(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as response:
            text: str = response.read().decode()
            return text
    except OSError:
        return ""


def test_size() -> None:
    size = int(engine("image", "inspect", "--format", "{{.Size}}", IMAGE))
    print(f"\nimage: {size / 1e6:.0f} MB")
    assert size < LARGEST


def test_it_works_without_rights(port: int) -> None:
    text = page(port)
    assert "\nvault_up 1\n" in text
    assert '\nvault_exporter_telemetry_status{status="ok"} 1\n' in text
    assert re.search(r"^vault_audit_entries_total\{.*\} [1-9]", text, re.MULTILINE)
    status = inside("import json; print(json.dumps(open('/proc/1/status').read()))")
    assert re.findall(r"^(?:Uid|Gid):\t(.*)$", status, re.MULTILINE) == ["\t".join(["9410"] * 4)] * 2
    assert set(re.findall(r"^Cap\w+:\t(\w+)$", status, re.MULTILINE)) == {"0" * 16}
    assert re.findall(r"^NoNewPrivs:\t(\d)$", status, re.MULTILINE) == ["1"]
    for place in ("/", "/opt/vault-exporter", "/vault/audit", "/tmp"):  # noqa: S108 - must not be written
        written = f"import os, json; print(json.dumps(os.access({place!r}, os.W_OK)))"
        assert inside(written) is False, place


def test_a_new_volume_can_keep_the_checkpoint() -> None:
    code = "open('/var/lib/vault-exporter/checkpoint', 'w').close(); print('written')"
    written = run("--rm", "--volume=/var/lib/vault-exporter", "--entrypoint=python", IMAGE, "-c", code)
    assert written == "written\n"


def test_the_health_check_is_green_at_load(port: int) -> None:
    (image,) = json.loads(engine("image", "inspect", IMAGE))
    health = image["Config"].get("Healthcheck") or image["Healthcheck"]
    assert health["Test"] == ["CMD", "vault-exporter", "healthcheck"]
    over = threading.Event()

    def scrape() -> None:
        while not over.is_set():
            page(port)

    busy = [subprocess.Popen(["/bin/sh", "-c", "while :; do :; done"]) for _ in range(2 * (os.cpu_count() or 1))]
    scrapes = [threading.Thread(target=scrape) for _ in range(4)]
    try:
        for thread in scrapes:
            thread.start()
        for _ in range(5):
            engine("exec", NAME, *health["Test"][1:], f"--listen=127.0.0.1:{port}")
    finally:
        over.set()
        for process in busy:
            process.kill()
            process.wait()
        for thread in scrapes:
            thread.join()


@pytest.mark.usefixtures("port")
def test_nothing_is_compiled_at_the_start() -> None:
    code = """
import contextlib, io, json, os, sys
from vault_exporter.cli import load
sys.argv = ["vault-exporter", "serve", "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    load(sys.argv[1:])()
files = {name: module.__cached__ for name, module in sys.modules.items() if getattr(module, "__cached__", None)}
print(json.dumps([len(files), [name for name, file in files.items() if not os.path.exists(file)]]))
"""
    number, missing = inside(code)
    assert number > 500
    assert missing == []


@pytest.mark.parametrize(
    "command",
    ["--version", "rules", "dashboard", "metrics", "collectors", "schema", "policy", "check", "status", "replay"],
)
@pytest.mark.usefixtures("port")
def test_each_command_runs(command: str) -> None:
    words = [command, *(["/vault/audit/audit.log"] if command == "replay" else [])]
    code = f"""
import json, os, resource, subprocess
os.environ["VAULT_ADDR"] = "http://127.0.0.1:1"
done = subprocess.run({["vault-exporter", *words]!r}, capture_output=True, text=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([done.returncode, done.stdout, done.stderr, used.ru_utime + used.ru_stime]))
"""
    status, output, errors, seconds = inside(code)
    print(f"\nvault-exporter {command}: {seconds:.2f} s of CPU time")
    # Nothing listens there, which is what `status` has to say.
    assert (status, errors) == (2 if command == "status" else 0, ""), errors
    assert output


def test_what_a_health_check_costs(port: int) -> None:
    code = f"""
import json, resource, subprocess
check = ["vault-exporter", "healthcheck", "--listen=127.0.0.1:{port}"]
statuses = [subprocess.run(check).returncode for _ in range(10)]
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([statuses, used.ru_utime + used.ru_stime]))
"""
    statuses, seconds = inside(code)
    print(f"\nvault-exporter healthcheck: {seconds / 10:.3f} s of CPU time")
    assert statuses == [0] * 10


@pytest.mark.usefixtures("port")
def test_what_a_start_costs() -> None:
    own = free_port()
    code = f"""
import json, os, subprocess, time, urllib.request
command = ["vault-exporter", "serve", "--web.listen-address=127.0.0.1:{own}", "--address=http://127.0.0.1:1"]
server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
while server.poll() is None:
    try:
        urllib.request.urlopen("http://127.0.0.1:{own}/metrics").read()
        break
    except OSError:
        time.sleep(0.05)
fields = open(f"/proc/{{server.pid}}/stat").read().rpartition(")")[2].split()
server.terminate()
print(json.dumps([server.wait(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")]))
"""
    status, seconds = inside(code)
    print(f"\nvault-exporter serve: {seconds:.2f} s of CPU time until /metrics answers")
    assert status == 0


def test_the_documented_command_makes_it_read_its_configuration_again(port: int) -> None:
    (command,) = re.findall(r"-c vault-exporter -- (python .+)", (ROOT / "docs/kubernetes.md").read_text())

    def reloaded() -> str:
        (value,) = re.findall(
            r"^vault_exporter_config_last_reload_success_timestamp_seconds (.+)$", page(port), re.MULTILINE
        )
        return str(value)

    before = reloaded()
    engine("exec", NAME, *shlex.split(command))
    wait_until(lambda: reloaded() not in {before, ""}, what="the configuration is read again")


@pytest.mark.usefixtures("port")
def test_scanners_find_what_it_is_made_of() -> None:
    code = "import json, os; print(json.dumps([os.listdir('/var/lib/dpkg/status.d'), open('/etc/os-release').read()]))"
    packages, system = inside(code)
    assert {"libc6", "libssl3t64"} <= set(packages)
    assert "ID=debian" in system
