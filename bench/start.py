"""CPU time and memory of a start, and memory of a sidecar: one exporter beside one node, with its audit log.

The CPU time is that of ``serve`` to its first page, of ``--version``, and of Python alone beside them. Each is a
process of its own, as often as ``ROUNDS`` says; the least of the rounds counts, since others only add to it. The node
does not listen, so the page is that of a node that is down.

The sidecar scrapes a real OpenBao over TLS with a token, and is asked every 5 s for a minute. Resident memory counts
every page that is in use. Other programs share pages of libraries: the proportional share counts these in part, and
private memory not at all.
"""

import contextlib
import gzip
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import trustme

from vault_exporter.demo.openbao import audit_file, start_server
from vault_exporter.demo.process import free_port

ROUNDS = 5
PATIENCE = 60.0
IDLE_SECONDS, SCRAPE_SECONDS = 60.0, 5.0
TOKEN = "bench"  # noqa: S105 - of a throwaway server
AS_PROMETHEUS = {"Accept": "text/plain;version=0.0.4", "Accept-Encoding": "gzip"}
COMMAND = str(Path(sys.executable).with_name("vault-exporter"))
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed exporter is compiled; here the first round does it."""


def cpu_of(*command: str) -> float:
    """Return the CPU time of a command in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def cpu_so_far(pid: int) -> float:
    """Return the CPU time of a running process in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(pid: int) -> dict[str, float]:
    """Return how much memory a running process has, in MiB, by the names in Linux' ``smaps_rollup``."""
    lines = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    return {name.rstrip(":"): int(kib) / 1024 for name, kib, _ in lines}


@contextlib.contextmanager
def serving(directory: Path, *words: str, **environment: str) -> Iterator[tuple[int, str]]:
    """Run an exporter with an audit log; yield its process id and the address of its page."""
    port, log = free_port(), directory / "audit.log"
    log.touch()
    command = [COMMAND, "serve", "--listen", f"127.0.0.1:{port}", "--audit-log", str(log), *words]
    exporter = subprocess.Popen(command, stderr=subprocess.DEVNULL, env=ENVIRONMENT | environment)
    address, end = f"http://127.0.0.1:{port}/metrics", time.monotonic() + PATIENCE
    try:
        while True:
            try:
                page(address)
                break
            except OSError:
                if exporter.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.02)
        yield exporter.pid, address
    finally:
        exporter.terminate()
        exporter.wait()


def page(address: str) -> str:
    """Read a page as Prometheus does."""
    request = urllib.request.Request(address, headers=AS_PROMETHEUS)  # noqa: S310 - HTTP
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - likewise
        return gzip.decompress(response.read()).decode()


def started(directory: Path) -> tuple[float, float]:
    """Return the CPU time to the first page in seconds, and the resident memory then in MiB."""
    with serving(directory, "--address", f"http://127.0.0.1:{free_port()}") as (pid, _):
        return cpu_so_far(pid), memory_of(pid)["Rss"]


def idle(directory: Path) -> dict[str, float]:
    """Return the memory of a sidecar that has scraped its node over TLS with a token for a minute."""
    authority = trustme.CA()
    listener = authority.issue_cert("127.0.0.1")
    ca, key, certificate = (directory / name for name in ("ca.pem", "key.pem", "certificate.pem"))
    authority.cert_pem.write_to_path(ca)
    listener.private_key_pem.write_to_path(key)
    listener.cert_chain_pems[0].write_to_path(certificate)
    own, plain, tls = free_port(), free_port(), free_port()
    files = {"tls_cert_file": str(certificate), "tls_key_file": str(key)}
    config = {
        "listener": [
            {"tcp": {"address": f"127.0.0.1:{plain}", "tls_disable": True}},
            {"tcp": {"address": f"127.0.0.1:{tls}", **files}},
        ],
        "telemetry": {"prometheus_retention_time": "24h", "disable_hostname": True},
        "audit": audit_file(directory / "audit.log"),
    }
    server = start_server(
        directory,
        config,
        f"http://127.0.0.1:{plain}",
        environment={"BAO_DEV_ROOT_TOKEN_ID": TOKEN},
        arguments=("-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{own}"),
        ready=frozenset({200}),
    )
    node = {"VAULT_ADDR": f"https://127.0.0.1:{tls}", "VAULT_CACERT": str(ca), "VAULT_TOKEN": TOKEN}
    with server, serving(directory, **node) as (pid, address):
        end = time.monotonic() + IDLE_SECONDS
        while time.monotonic() < end:
            time.sleep(SCRAPE_SECONDS)
            text = page(address)
        if "\nvault_up 1\n" not in text or "\nvault_exporter_token_valid 1\n" not in text:
            raise RuntimeError("the sidecar does not scrape its node with the token")
        return memory_of(pid)


def main() -> None:
    """Print a line for each."""
    with tempfile.TemporaryDirectory() as directory:
        pages = [started(Path(directory)) for _ in range(ROUNDS)]
        beside = idle(Path(directory))
    for name, command in (
        ("python -c pass", (sys.executable, "-c", "pass")),
        ("vault-exporter --version", (COMMAND, "--version")),
    ):
        print(f"{name:24}   {min(cpu_of(*command) for _ in range(ROUNDS)):6.2f} s of CPU")
    print(f"serve to its first page    {min(cpu for cpu, _ in pages):6.2f} s of CPU")
    print(f"its memory                 {min(memory for _, memory in pages):6.1f} MiB resident")
    private = beside["Private_Clean"] + beside["Private_Dirty"]
    print(f"memory of a sidecar        {beside['Rss']:6.1f} MiB resident", end=", ")
    print(f"{beside['Pss']:.1f} in proportion, {private:.1f} private")


if __name__ == "__main__":
    main()
