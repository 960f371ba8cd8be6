"""Nodes that misbehave on a real socket: each costs itself its deadline at the most, and nobody else anything."""

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme

from tests.e2e.conftest import StartExporter, probe, reason
from tests.lab import faulty
from tests.lab.waiting import PATIENCE
from vault_exporter.demo.openbao import Server, dev_server
from vault_exporter.demo.process import free_port

TIMEOUT = 10.0
"""As Prometheus would send it, to those that misbehave. ``bench/targets.py`` measures how well it is kept."""
TOKEN = "planted-token-of-the-faults"

REASONS = {
    "refused": "refused",
    "silent": "timeout",
    "resets": "reset",
    "garbage": "bad_reply",
    "huge": "too_large",
    "drips": "timeout",
    "interim": "bad_reply",
    "untrusted": "tls",
    "no-tls": "tls",
    "unknown-host": "dns",
}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "bao").mkdir()
    with dev_server(tmp_path / "bao", root_token=TOKEN) as server:
        yield server


@pytest.fixture
def addresses() -> Iterator[dict[str, str]]:
    """For each kind of fault, a node that has it."""
    untrusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(untrusted)
    behaviours = {
        "silent": faulty.silent,
        "resets": faulty.resets,
        "garbage": faulty.garbage,
        "huge": faulty.huge,
        "drips": faulty.drips,
        "interim": faulty.interim,
        "dust": faulty.dust,
    }
    with ExitStack() as stack:
        found = {
            name: f"http://127.0.0.1:{stack.enter_context(faulty.listening(behaviour))}"
            for name, behaviour in behaviours.items()
        }
        found["untrusted"] = f"https://127.0.0.1:{stack.enter_context(faulty.listening(faulty.over_tls(untrusted)))}"
        found["no-tls"] = found["garbage"].replace("http:", "https:")
        found["refused"] = f"http://127.0.0.1:{free_port()}"
        found["unknown-host"] = "http://vault.invalid:8200"
        yield found


def test_each_fault_has_its_reason_and_costs_nobody_else(
    server: Server, addresses: dict[str, str], start_exporter: StartExporter
) -> None:
    auth = {"method": "token", "token": TOKEN}
    exporter = start_exporter(
        targets=[{"name": name, "address": address, "auth": auth} for name, address in addresses.items()]
        + [{"name": "good", "address": server.address, "auth": auth}]
    )
    probe(exporter, "good", PATIENCE)  # connects
    with ThreadPoolExecutor(len(addresses) + 1) as pool:
        bad = {name: pool.submit(probe, exporter, name, TIMEOUT) for name in addresses}
        good = pool.submit(probe, exporter, "good", PATIENCE).result()
        assert not bad["silent"].done()
        pages = {name: scrape.result() for name, scrape in bad.items()}

    assert (good.value("vault_up"), good.value("vault_core_unsealed")) == (1, 1)
    reasons = {name: reason(page) for name, page in pages.items()}
    assert reasons.pop("dust") in {"bad_reply", "reset"}  # as it is seen before or after the head
    assert reasons == REASONS
    for name, page in pages.items():
        for metric in ("vault_up", "vault_active", "vault_sealed", "vault_core_unsealed"):
            assert page.values(metric) == (0,), (name, metric)

    # The token went to all of these nodes, and is in nothing that the exporter says.
    said = [exporter.service.log.read_bytes(), exporter.get("/"), exporter.get("/metrics")]
    assert b"reason=tls" in said[0]
    for text in said:
        assert TOKEN.encode() not in text
