"""The listener's certificate, over real TLS."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from cryptography import x509

from tests.lab.fake_node import Node, StartExporter, StartNode, target
from tests.lab.logged_in import LoggedIn
from vault_exporter.config.schema.model import Tls

NOT_AFTER = "\nvault_listener_certificate_not_after_timestamp_seconds {:d}\n"
NOT_BEFORE = "\nvault_listener_certificate_not_before_timestamp_seconds {:d}\n"
NOW = datetime.now(UTC).replace(microsecond=0)


def listener(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    return context


async def scraped(start: StartExporter, node: Node, tls: Tls) -> str:
    client = await start(target(node, tls=tls))
    return await (await client.get("/probe?target=n1")).text()


@pytest.mark.parametrize(
    ("begin", "end", "up"),
    [(timedelta(days=-1), timedelta(days=30), 1), (timedelta(days=-30), timedelta(days=-1), 0)],
    ids=["valid", "expired"],
)
async def test_a_certificate_that_is_trusted_or_has_expired(
    start_node: StartNode, start_exporter: StartExporter, tmp_path: Path, begin: timedelta, end: timedelta, up: int
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    certificate = authority.issue_cert("127.0.0.1", not_before=NOW + begin, not_after=NOW + end)
    node = await start_node(tls=listener(certificate))
    page = await scraped(start_exporter, node, Tls(ca_cert=tmp_path / "ca.pem"))
    assert f"\nvault_up {up}\n" in page
    if not up:
        assert '\nvault_up_failure_reason{reason="tls"} 1\n' in page
        assert not node.calls
    assert NOT_AFTER.format(int((NOW + end).timestamp())) in page
    assert NOT_BEFORE.format(int((NOW + begin).timestamp())) in page
    assert '\nvault_exporter_collector_success{collector="certificate"} 1\n' in page


async def test_a_certificate_that_is_not_checked(start_node: StartNode, start_exporter: StartExporter) -> None:
    certificate = trustme.CA().issue_cert("another.example.com")
    node = await start_node(tls=listener(certificate))
    page = await scraped(start_exporter, node, Tls(insecure_skip_verify=True))
    end = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).not_valid_after_utc
    assert NOT_AFTER.format(int(end.timestamp())) in page
    assert "\nvault_up 1\n" in page


async def test_targets_that_share_their_tls_settings_have_each_its_own(
    start_node: StartNode, start_exporter: StartExporter, tmp_path: Path
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ends = {f"n{days}": NOW + timedelta(days=days) for days in (10, 20, 30)}
    targets = []
    for name, end in ends.items():
        node = await start_node(tls=listener(authority.issue_cert("127.0.0.1", not_after=end)))
        targets.append(target(node, name, tls=Tls(ca_cert=tmp_path / "ca.pem")))
    client = await start_exporter(*targets)
    for _ in range(2):
        for name, end in ends.items():
            page = await (await client.get(f"/probe?target={name}")).text()
            assert NOT_AFTER.format(int(end.timestamp())) in page


async def test_a_certificate_that_is_renewed_while_a_connection_lasts(start_node: StartNode, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = listener(authority.issue_cert("127.0.0.1", not_after=NOW + timedelta(days=1)))
    node = await start_node(tls=context)
    now = 0.0
    client = LoggedIn(target(node, tls=Tls(ca_cert=tmp_path / "ca.pem")), clock=lambda: now)

    async def end() -> datetime:
        await client.get("sys/health")
        certificate = await client.certificate()
        assert certificate
        return x509.load_der_x509_certificate(certificate).not_valid_after_utc

    try:
        assert await end() == NOW + timedelta(days=1)
        authority.issue_cert("127.0.0.1", not_after=NOW + timedelta(days=90)).configure_cert(context)
        assert await end() == NOW + timedelta(days=1)
        now += 61
        assert await end() == NOW + timedelta(days=90)
    finally:
        await client.close()


async def test_without_tls_there_is_none_and_nothing_has_failed(node: Node, start_exporter: StartExporter) -> None:
    page = await scraped(start_exporter, node, Tls())
    assert "vault_listener_certificate" not in page
    assert '\nvault_exporter_collector_success{collector="certificate"} 1\n' in page


async def test_a_node_that_speaks_no_tls(node: Node, start_exporter: StartExporter) -> None:
    node.address = node.address.replace("http://", "https://")
    page = await scraped(start_exporter, node, Tls(insecure_skip_verify=True))
    assert '\nvault_exporter_collector_failure_reason{collector="certificate",reason="tls"} 1\n' in page
