"""Three real OpenBao nodes on raft."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.lab.api import call, initialize, unseal
from tests.lab.nodes import Node
from tests.lab.waiting import wait_until


class RaftCluster:
    """Three nodes on raft, initialized and unsealed; the first leads."""

    def __init__(self, directory: Path) -> None:
        self.nodes: list[Node] = []
        for number in (1, 2, 3):
            data = directory / f"raft{number}"
            data.mkdir()
            storage: dict[str, object] = {"path": str(data), "node_id": f"n{number}"}
            if self.nodes:
                storage["retry_join"] = [{"leader_api_addr": self.nodes[0].address}]
            self.nodes.append(Node(directory / f"n{number}", f"n{number}", {"raft": storage}))
        self.root_token = ""

    def start(self) -> None:
        first, *others = self.nodes
        first.start()
        self.root_token, keys = initialize(first.address)
        unseal(first.address, keys)
        wait_until(lambda: first.health() == 200, what="active")
        path = "sys/storage/raft/autopilot/configuration"
        call(first.address, "POST", path, self.root_token, server_stabilization_time="1s")  # so that they vote soon
        for node in others:
            node.start()
            # A node that has not joined yet is not initialized.
            wait_until(lambda node=node: node.health() == 503, what=f"{node.name} has joined")  # type: ignore[misc]
            unseal(node.address, keys)
        wait_until(lambda: [node.health() for node in others] == [429, 429], what="two standbys")

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
