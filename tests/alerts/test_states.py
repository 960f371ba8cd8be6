"""The table of README.md on what the metrics say in each state of a node, measured on real nodes."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import pytest
import yaml

from tests.lab.nodes import Cluster, Node, postgres_cluster, raft_node
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.process import free_port

README: Final = Path(__file__).parents[2] / "alerts" / "README.md"
NAMES: Final = ("vault_up", "vault_sealed", "vault_core_unsealed")


def _table() -> dict[str, tuple[str, ...]]:
    (table,) = re.findall(r"\| State of the node \|.*\n\|[ |-]+\n((?:\|.*\n)+)", README.read_text())
    rows = ([cell.strip() for cell in row.strip("|").split("|")] for row in table.splitlines())
    return {state: tuple(cells) for state, *cells in rows}


class Lab(NamedTuple):
    cluster: Cluster
    new: Node
    exporter: ExporterProcess

    def measured(self, node: Node) -> tuple[str, ...]:
        """Return what Prometheus would get: ``up`` is whether the page of the node can be read."""
        try:
            url = f"{self.exporter.address}/probe?target={node.name}"
            with urllib.request.urlopen(url, timeout=PATIENCE) as answer:  # noqa: S310 - HTTP
                page = answer.read().decode()
        except urllib.error.HTTPError as error:
            error.close()
            return ("0", "absent", "absent", "absent")
        except urllib.error.URLError:
            return ("0", "absent", "absent", "absent")
        found = {name: re.findall(rf"^{name}(?:\{{.*\}})? (\d)$", page, re.MULTILINE) for name in NAMES}
        return ("1", *(values[0] if values else "absent" for values in found.values()))

    def wait_for(self, state: str, *nodes: Node) -> None:
        """Wait until the nodes show what the table says of the state."""
        expected = TABLE[state]
        for node in nodes:
            wait_until(
                lambda node=node: self.measured(node) == expected,  # type: ignore[misc]
                what=f"{node.name}, {state}: {expected}",
                interval=0.5,
            )


TABLE: Final = _table()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    port, file = free_port(), tmp_path / "vault-exporter.yml"
    with postgres_cluster() as cluster, raft_node(tmp_path) as new:
        new.name = "new"
        targets = [{"name": node.name, "address": node.address, "timeout": "5s"} for node in (*cluster.nodes, new)]
        file.write_text(yaml.safe_dump({"listen": f"127.0.0.1:{port}", "targets": targets}))
        with ExporterProcess(["--config", file], port=port, log=tmp_path / "exporter.log") as exporter:
            yield Lab(cluster, new, exporter)


def test_the_table_is_as_measured(lab: Lab) -> None:
    leader = lab.cluster.leader
    one, other = (node for node in lab.cluster.nodes if node is not leader)
    lab.wait_for("active", leader)
    lab.wait_for("standby", one, other)
    lab.wait_for("not initialized", lab.new)

    lab.new.stop()
    lab.wait_for("its process ended", lab.new)
    assert other.server is not None
    other.server.service.signal(19)  # SIGSTOP
    lab.wait_for("its process hangs", other)
    other.server.service.signal(18)  # SIGCONT
    lab.wait_for("standby", other)
    other.stop()
    other.start()
    lab.wait_for("sealed", other)

    lab.cluster.postgres.stop()
    lab.wait_for("active, and its storage is gone", leader)
    lab.wait_for("standby, and its storage is gone", one)

    lab.exporter.stop()
    lab.wait_for("the exporter is gone", leader)


def test_every_state_is_measured() -> None:
    text = Path(__file__).read_text()
    assert len(TABLE) == 9
    assert all(f'lab.wait_for("{state}"' in text for state in TABLE)
