"""Record the metrics pages that the scenes are made of: ``python -m tools.pictures.record``.

Starts real clusters, breaks them one way after the other, and writes what the exporter says of each node to ``pages/``.
Needed again only when metrics are added or renamed.
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.dashboards.stage import Stage, open_stage
from tests.lab.api import call
from tests.lab.waiting import wait_until
from tools.pictures.pages import PAGES, save

__all__ = ["main"]

_ACTIVE, _STANDBY, _SEALED = 200, 429, 503
"""Statuses of sys/health."""
_BETWEEN: Final = 60
"""Seconds from the first page of a healthy cluster to the last, which give the counters' rates."""


def main() -> int:
    """Record every page; return the exit status."""
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir()
    with tempfile.TemporaryDirectory() as directory, open_stage(Path(directory)) as stage:
        _record(stage)
    return 0


def _record(stage: Stage) -> None:
    cluster = stage.cluster
    active = cluster.leader
    standby, other = (node for node in cluster.nodes if node is not active)
    healthy = {"active": active.name, "standby": standby.name, "raft": "node", "enterprise": "played", "exporter": ""}
    # Collectors with an interval have made their first reading by the second page.
    _write(stage, "healthy-first", healthy)
    time.sleep(_BETWEEN)
    _write(stage, "healthy-last", healthy)

    call(other.address, "POST", "sys/seal", cluster.root_token)
    other.kill()
    _write(stage, "down", {"node": other.name})
    other.start()
    wait_until(lambda: other.health() == _SEALED, what="the node is back, sealed")
    _write(stage, "sealed", {"node": other.name})
    call(other.address, "POST", "sys/unseal", key=cluster.keys[0])
    _write(stage, "unsealing", {"node": other.name})
    call(other.address, "POST", "sys/unseal", key=cluster.keys[1])
    wait_until(lambda: other.health() == _STANDBY, what="the node is a standby again")

    cluster.postgres.stop()
    wait_until(lambda: _ACTIVE not in cluster.statuses(), what="nobody serves without storage")
    time.sleep(5)
    _write(stage, "storage-gone", {"active": active.name, "standby": standby.name, "exporter": ""})
    cluster.postgres.start()
    wait_until(lambda: _ACTIVE in cluster.statuses(), what="a node is active again")

    # The lock of a node that died holds for some seconds: until then no other becomes active.
    dead = cluster.leader
    dead.kill()
    survivors = [node for node in cluster.nodes if node is not dead and node.health() == _STANDBY]
    _write(stage, "no-active", {"standby": survivors[0].name, "exporter": ""})


def _write(stage: Stage, moment: str, targets: dict[str, str]) -> None:
    for role, target in targets.items():
        page = stage.exporter.get(f"/probe?target={target}" if target else "/metrics").decode()
        save(f"{moment}-{role}", time.time(), page)
        print(f"{moment}-{role}: {len(page.splitlines())} lines")


if __name__ == "__main__":
    sys.exit(main())
