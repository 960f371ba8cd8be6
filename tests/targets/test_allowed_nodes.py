"""Which of the nodes that a cluster names get the target's credentials."""

import ssl
from pathlib import Path

import pytest
import trustme

from tests.lab.fake_node import StartNode
from vault_exporter.config.schema.model import ClusterDiscovery, Secret, Tls, TokenAuth
from vault_exporter.targets.discovery import DiscoveryManager
from vault_exporter.vault.auth.shared import Shared

AUTH = TokenAuth(token=Secret("hvs.planted"))


async def nothing() -> None:
    """Is told of changes."""


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ((), ["n1.example.com:8200", "evil.test:8200", "10.1.2.3:8200"]),
        (("*.example.com",), ["n1.example.com:8200"]),
        (("10.0.0.0/8",), ["10.1.2.3:8200"]),
    ],
)
async def test_only_allowed_nodes_over_tls(
    start_node: StartNode,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    allow: tuple[str, ...],
    expected: list[str],
) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    node = await start_node(context)
    nodes = (
        "https://n1.example.com:8200",
        "https://evil.test:8200",
        "https://10.1.2.3:8200",
        "http://n1.example.com:80",
        "https://<b>n2:8200",
        f"https://{'n' * 300}:8200",
    )
    listed = ",".join(f'{{"api_address":"{address}"}}' for address in nodes)
    node.answers["sys/ha-status"] = (200, f'{{"data":{{"nodes":[{listed}]}}}}')
    source = ClusterDiscovery(
        address=node.address, cluster="prod", auth=AUTH, allow=allow, tls=Tls(ca_cert=tmp_path / "ca.pem")
    )
    keeper = DiscoveryManager([source], Shared(), nothing)
    try:
        await keeper.start()
        assert [target.name for target in keeper.targets()] == expected
        assert capsys.readouterr().out.count("left nodes out") == 1
    finally:
        await keeper.close()
