"""CPU time and memory of a start: of ``serve`` to its first page, of ``--version``, and of Python alone beside them.

Each is a process of its own, as often as ``ROUNDS`` says; the least of the rounds counts, since others only add to it.
The node does not listen, so the page is that of a node that is down.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from vault_exporter.demo.process import free_port

ROUNDS = 5
PATIENCE = 60.0
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


def resident(pid: int) -> float:
    """Return the resident memory of a running process in MiB."""
    (line,) = [one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


def served(directory: Path) -> tuple[float, float]:
    """Return the CPU time to the first page in seconds, and the resident memory then in MiB."""
    port, log = free_port(), directory / "audit.log"
    log.touch()
    words = ["serve", "--listen", f"127.0.0.1:{port}", "--address", f"http://127.0.0.1:{free_port()}"]
    exporter = subprocess.Popen([COMMAND, *words, "--audit-log", str(log)], stderr=subprocess.DEVNULL, env=ENVIRONMENT)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE) as page:
                    page.read()
                return cpu_so_far(exporter.pid), resident(exporter.pid)
            except OSError:
                if exporter.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.02)
    finally:
        exporter.terminate()
        exporter.wait()


def main() -> None:
    """Print a line for each."""
    with tempfile.TemporaryDirectory() as directory:
        pages = [served(Path(directory)) for _ in range(ROUNDS)]
    for name, command in (
        ("python -c pass", (sys.executable, "-c", "pass")),
        ("vault-exporter --version", (COMMAND, "--version")),
    ):
        print(f"{name:24}   {min(cpu_of(*command) for _ in range(ROUNDS)):6.2f} s of CPU")
    print(f"serve to its first page    {min(cpu for cpu, _ in pages):6.2f} s of CPU")
    print(f"memory of that sidecar     {min(memory for _, memory in pages):6.1f} MiB resident")


if __name__ == "__main__":
    main()
