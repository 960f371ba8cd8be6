"""The shell blocks of the runbooks, run against a real server.

What a runbook calls the server, its log and its files is replaced by what the test has. ``journalctl``, ``systemctl``
and ``sudo`` need a host with services of these names: here they are functions that do the same with the test's own
processes. So are ``dmesg``, ``iostat``, ``kubectl`` and ``timedatectl``, which print one line. ``vault`` is
``bao``, with the same commands. Everything else is the real program.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import program

__all__ = ["Desk", "blocks", "commands"]

_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
_FUNCTIONS: Final = """
journalctl() {
    local unit= lines=1000
    while [ $# -gt 0 ]; do
        case $1 in -u) unit=$2;; -n) lines=$2;; --since) ;; *) return 2;; esac
        shift 2
    done
    tail -n "$lines" "$JOURNAL/$unit.log"
}
systemctl() {
    case $1 in
    status) shift; for unit; do unit_pid "$unit" >/dev/null && echo "$unit.service active (running)"; done;;
    show) echo "MemoryCurrent=$(( $(ps -o rss= -p "$(unit_pid "$2")") * 1024 ))"; echo MemoryMax=infinity;;
    cat) tr '\\0' ' ' < "/proc/$(unit_pid "$2")/cmdline"; echo;;
    reload) kill -HUP "$(unit_pid "$2")";;
    list-timers) echo "NEXT LEFT UNIT vault-backup.timer";;
    *) return 2;;
    esac
}
unit_pid() { cat "$JOURNAL/$1.pid"; }
pidof() { unit_pid vault; }
sudo() { [ "$1" = -u ] && shift 2; "$@"; }
dmesg() { echo "Out of memory: Killed process 1 (bao), oom_score 1"; }
iostat() { echo "Device r/s w/s await %util"; }
kubectl() { echo "vault-agent-injector 1/1 Running"; }
timedatectl() { echo "System clock synchronized: yes"; }
vault() { BAO_ADDR=${VAULT_ADDR:-$BAO_ADDR} bao "$@"; }
"""


@dataclass
class Desk:
    """Where whoever is on call sits: how the names of the runbooks are to be read."""

    folder: Path
    address: str
    token: str
    names: Mapping[str, str] = field(default_factory=dict)
    """Words of the runbooks, and what takes their place."""

    def run(self, command: str) -> str:
        """Run one command, and return what it prints."""
        for word, value in self.names.items():
            command = command.replace(word, value)
        env = {
            "PATH": f"{program('bao').parent}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "JOURNAL": str(self.folder / "journal"),
            "BAO_ADDR": self.address,
            "BAO_TOKEN": self.token,
            "BAO_MAX_RETRIES": "0",
            "LC_ALL": "C.UTF-8",
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            ["bash", "-c", f"{_FUNCTIONS}\n{command}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
            cwd=self.folder,
            env=env,
        )
        return done.stdout


def blocks(runbook: Path) -> list[str]:
    """Return the shell blocks of a runbook."""
    return _BLOCK.findall(runbook.read_text())


def commands(runbook: Path) -> Iterator[str]:
    """Yield the commands of all blocks, without comments; what is exported is put before those that follow."""
    exported = ""
    for block in blocks(runbook):
        pending = ""
        for line in block.splitlines():
            pending += line if pending.count("'") % 2 else re.sub(r"(?:^|\s+)# .*$", "", line)
            if pending.endswith("\\") or pending.count("'") % 2:
                pending += "\n"
                continue
            if pending.startswith("export "):
                exported += f"{pending}; "
            elif pending.strip():
                yield f"{exported}{pending}"
            pending = ""
