"""Three real OpenBao nodes on raft."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.lab.api import call, initialize, unseal
from tests.lab.nodes import Node
from tests.lab.waiting import wait_until


class RaftCluster:
    """Three nodes on raft, initialized and unsealed; the first leads."""

    def __init__(self, directory: Path) -> None:
        self.nodes: list[Node] = []
        self._directory = directory
        for number in (1, 2, 3):
            data = self._data(f"n{number}")
            data.mkdir()
            storage: dict[str, object] = {"path": str(data), "node_id": f"n{number}"}
            if self.nodes:
                storage["retry_join"] = [{"leader_api_addr": self.nodes[0].address}]
            self.nodes.append(Node(directory / f"n{number}", f"n{number}", {"raft": storage}))
        self.root_token = ""
        self.keys: list[str] = []

    def start(self) -> None:
        first, *others = self.nodes
        first.start()
        self.root_token, self.keys = initialize(first.address)
        unseal(first.address, self.keys)
        wait_until(lambda: first.health() == 200, what="active")
        path = "sys/storage/raft/autopilot/configuration"
        call(first.address, "POST", path, self.root_token, server_stabilization_time="1s")  # so that they vote soon
        for node in others:
            self._join(node)
        wait_until(lambda: [node.health() for node in others] == [429, 429], what="two standbys")

    @property
    def leader(self) -> Node:
        (active,) = (node for node in self.nodes if node.health() == 200)
        return active

    def join_anew(self, node: Node) -> None:
        """Have a node that was removed, other than the first, join with an empty directory."""
        node.stop()
        shutil.rmtree(self._data(node.name))
        self._data(node.name).mkdir()
        self._join(node)
        wait_until(lambda: node.health() == 429, what=f"{node.name} is a standby")

    def _join(self, node: Node) -> None:
        node.start()
        # A node that has not joined yet is not initialized.
        wait_until(lambda: node.health() == 503, what=f"{node.name} has joined")
        unseal(node.address, self.keys)

    def _data(self, name: str) -> Path:
        return self._directory / f"raft-{name}"

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


@contextlib.contextmanager
def raft_cluster(directory: Path) -> Iterator[RaftCluster]:
    cluster = RaftCluster(directory)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()
