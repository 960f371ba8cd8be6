"""The canary's requests come by in the audit log of a real server."""

from pathlib import Path

from tests.e2e.conftest import StartExporter, probe
from tests.lab.bao import Bao
from vault_exporter.demo.openbao import dev_server
from vault_exporter.demo.page import ScrapedPage, parse
from vault_exporter.demo.process import wait_until
from vault_exporter.metrics.exposition import Format


def test_the_canary_comes_by_although_its_entries_are_left_out(start_exporter: StartExporter, tmp_path: Path) -> None:
    directory = tmp_path / "bao"
    directory.mkdir()
    log = tmp_path / "audit.log"
    token = tmp_path / "token"
    token.write_text("root")
    with dev_server(directory, root_token="root", audit_log=log) as server:
        Bao(server.address, "root")("secrets", "enable", "-path=canary", "-version=2", "kv")
        target = {
            "name": "dev",
            "address": server.address,
            "auth": {"method": "token", "token_file": str(token)},
            "collectors": {"intervals": {"canary": "1ms"}},
        }
        exclude = {"remote_addresses": ["127.0.0.1"]}
        exporter = start_exporter(
            targets=[target], canary={"mount": "canary"}, audit={"logs": [str(log)], "exclude": exclude}
        )
        page: ScrapedPage

        def is_decided() -> bool:
            nonlocal page
            page = probe(exporter, "dev")
            return "vault_canary_audit_success" in page

        wait_until(is_decided, timeout=60, what="the audit log to show a run of the canary")
        assert page.value("vault_canary_audit_success") == 1
        delay = page.value("vault_canary_audit_delay_seconds")
        assert delay is not None
        assert 0 <= delay < 60
        counted = parse(exporter.get(), Format.TEXT)
        assert counted.sum("vault_audit_excluded_entries_total") > 0

        elsewhere = start_exporter(
            targets=[target], canary={"mount": "canary", "audit": False}, audit={"logs": [str(log)]}
        )
        for _ in range(2):
            assert "vault_canary_audit_success" not in probe(elsewhere, "dev")
