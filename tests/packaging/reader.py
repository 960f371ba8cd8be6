"""A machine on which the commands of the documents are run as they stand, and a server with TLS to run them against."""

import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import trustme

from tests.lab.waiting import PATIENCE, wait_until
from tests.packaging.blocks import README, ROOT, RUN, Block, blocks
from vault_exporter.demo.openbao import Server, start_server
from vault_exporter.demo.process import free_port, program
from vault_exporter.demo.setup import connect
from vault_exporter.scrape.collectors import COLLECTORS, policy, telemetry

FOLDERS: Final = ("dashboards",)
"""Whose pages name files as seen from there; the others as seen from the clone."""
MADE: Final = (
    *("etc/alertmanager", "etc/logrotate.d", "etc/prometheus/rules", "etc/vault", "etc/vault-exporter"),
    *("opt/vault/tls", "var/lib/vault-exporter", "var/log/vault", "vault/audit"),
)
"""Directories that the reader's machines have."""
STAND_INS: Final = {
    # These change the machine; that they are called with files that exist is seen by what follows them.
    "chgrp": 'test -f "$2"',
    "systemctl": "true",
    "setpriv": 'while [ "${1#--}" != "$1" ]; do shift; done; exec "$@"',
    "kubectl": f'exec {sys.executable} {ROOT}/tests/packaging/kubectl.py "$@"',
}
"""Commands that need more than there is, and what takes their place."""


class Lab(NamedTuple):
    """A server with TLS and an audit log, and a machine's directories in a folder."""

    server: Server
    tls: str
    """Base URL of the listener with TLS."""
    folder: Path

    def text(self, text: str) -> str:
        """Turn what is said of the reader's machines into what holds here."""
        text = re.sub(r"https://(127\.0\.0\.1|vault-\d\.example\.com):8200", self.tls, text)
        return re.sub(r"(?<![\w.:/-])/(etc|opt|var|vault)/", rf"{self.folder}/\1/", text)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    for name in ("bin", "home", *MADE):
        (folder / name).mkdir(parents=True)
    (folder / "home/.vault-token").write_text("root")
    (folder / "bin/vault").symlink_to(program("bao"))
    for name, line in STAND_INS.items():
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / "bin" / name).chmod(0o755)
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", *(f"vault-{number}.example.com" for number in (1, 2, 3)))
    for name in ("etc/vault/ca.pem", "opt/vault/tls/ca.pem"):
        authority.cert_pem.write_to_path(folder / name)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    for part in certificate.cert_chain_pems:
        part.write_to_path(folder / "cert.pem", append=True)
    plain, tls = free_port(), free_port()
    config = {
        "listener": [
            {"tcp": {"address": f"127.0.0.1:{plain}", "tls_disable": True}},
            {
                "tcp": {
                    "address": f"127.0.0.1:{tls}",
                    "tls_cert_file": str(folder / "cert.pem"),
                    "tls_key_file": str(folder / "key.pem"),
                }
            },
        ],
        "telemetry": {"prometheus_retention_time": "24h", "disable_hostname": True},
        "audit": [{"type": "file", "path": "lab", "options": {"file_path": str(folder / "vault/audit/audit.log")}}],
        # As in Vault, where no configuration names the devices.
        "unsafe_allow_api_audit_creation": True,
    }
    with start_server(
        folder,
        config,
        f"http://127.0.0.1:{plain}",
        environment={"BAO_DEV_ROOT_TOKEN_ID": "root"},
        arguments=("-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{free_port()}"),
        root_token="root",
        ready=frozenset({200}),
    ) as server:
        root = connect(server.address, "root")
        grants = [telemetry.GRANT, *(grant for one in COLLECTORS if one.default for grant in one.grants)]
        root.sys.create_or_update_acl_policy("vault-exporter", "\n".join(map(str, policy(grants))))
        token = root.auth.token.create_orphan(policies=["vault-exporter"], period="1h")["auth"]["client_token"]
        (folder / "etc/vault-exporter/token").write_text(token)
        yield Lab(server, f"https://127.0.0.1:{tls}", folder)


def run_page(lab: Lab, folder: Path, page: Path) -> None:
    """Run the commands of a page in order, in what looks like a clone of the repository."""
    clone = folder / "clone"
    clone.mkdir()
    for one in (ROOT / page.parent.name if page.parent.name in FOLDERS else ROOT).iterdir():
        if not one.name.startswith("."):
            (clone / one.name).symlink_to(one)
    # The README's configuration is what the other pages speak of.
    written = [block for one in (README, page) for block in blocks(one) if block.mark.startswith("file: ")]
    for block in written:
        (clone / lab.text(block.mark.removeprefix("file: "))).write_text(lab.text(block.text))
    port = free_port()
    environment = {
        "PATH": f"{lab.folder}/bin:{program('vault-exporter').parent}:/usr/bin:/bin:/usr/sbin",
        "HOME": str(lab.folder / "home"),
        "VAULT_ADDR": lab.server.address,
        "VAULT_EXPORTER_LISTEN": f"127.0.0.1:{port}",
    }
    for block in blocks(page):
        if block.mark == RUN:
            _run(block, lab.text(block.text), port, clone, environment)


def _run(block: Block, text: str, port: int, folder: Path, environment: dict[str, str]) -> None:
    """Run a block; the exporter, which does not end by itself, until it is ready."""
    # The trap lets the shell report how the exporter ended.
    script = f"set -euo pipefail\ntrap : TERM\n{text}"
    place = f"{block.page.relative_to(ROOT)}:{block.line}"
    with subprocess.Popen(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            if "vault-exporter serve" in text:
                wait_until(lambda: process.poll() is not None or _ready(port), what=f"{place}: the exporter is ready")
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGTERM)
            output, _ = process.communicate(timeout=PATIENCE)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0, f"{place}\n{text}\n{output}"


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=PATIENCE) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
    except OSError:
        pass
    return False
