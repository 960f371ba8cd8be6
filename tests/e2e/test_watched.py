"""What is looked after only where the configuration says so, on a real server."""

import os
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.conftest import StartExporter, probe
from tests.lab import api
from tests.lab.bao import Bao
from tests.lab.nodes import Postgres
from vault_exporter.checks import Flags, load
from vault_exporter.demo.exporter import ExporterProcess
from vault_exporter.demo.openbao import dev_server
from vault_exporter.demo.page import ScrapedPage, parse
from vault_exporter.metrics.exposition import Format
from vault_exporter.scrape.collectors import chosen

DAY = 86_400
NAMED = "vault_pki_named_certificate_not_after_timestamp_seconds"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with dev_server(tmp_path_factory.mktemp("bao"), root_token="root") as server:
        yield Bao(server.address, "root")


@pytest.fixture
def watch(bao: Bao, start_exporter: StartExporter, tmp_path: Path) -> "Watch":
    return Watch(bao, start_exporter, tmp_path)


class Watch:
    """Starts an exporter whose token is granted what the collector of a section names, and no more."""

    def __init__(self, bao: Bao, start: StartExporter, directory: Path) -> None:
        self._bao = bao
        self._start = start
        self._file = directory / "settings.yml"
        self._token = directory / "token"

    def __call__(self, name: str, section: object, without: str = "") -> "Watched":
        target = {
            "name": "dev",
            "address": self._bao.address,
            "auth": {"method": "token", "token_file": str(self._token)},
            "collectors": {"intervals": {name: "1ms"}},
        }
        settings = {"targets": [target], name: section}
        self._file.write_text(yaml.safe_dump(settings))
        config = load(self._file, Flags(), {})
        (collector,) = (one for one in chosen(config.targets[0], config) if one.name == name)
        rules = ["# none", *(str(grant) for grant in collector.grants if grant.path != without)]
        root = self._bao.token
        api.call(self._bao.address, "PUT", f"sys/policies/acl/{name}", root, policy="\n".join(rules))
        made = api.call(self._bao.address, "POST", "auth/token/create-orphan", root, policies=[name], period="1h").body
        self._token.write_text(made["auth"]["client_token"])
        return Watched(self._start(**settings), name)


class Watched:
    def __init__(self, exporter: ExporterProcess, name: str) -> None:
        self.exporter = exporter
        self._name = name

    def page(self, reason: str = "") -> ScrapedPage:
        page = probe(self.exporter, "dev")
        failures = page.series("vault_exporter_collector_failure_reason", collector=self._name)
        assert [one.labels["reason"] for one in failures] == ([reason] if reason else [])
        return page


def secrets(page: ScrapedPage, name: str) -> dict[str, float]:
    return {one.labels["path"]: one.value for one in page.series(f"vault_kv_secret_{name}", mount="kv2")}


def test_kv_metadata(bao: Bao, watch: Watch) -> None:
    bao("secrets", "enable", "-path=kv2", "-version=2", "kv")
    for path in ("top", "team/db", "team/cache", "team/sub/token", "other/sub/token", "other/sub/key"):
        bao("kv", "put", "-mount=kv2", path, "value=planted")
    section = {"mount": "kv2", "paths": ["top", "gone", "team/*", "*/sub/tok*"], "max_age": "90d"}
    watched = watch("kv", [section])
    page = watched.page()
    there = {"top", "team/db", "team/cache", "team/sub/token", "other/sub/token"}
    assert secrets(page, "exists") == {**dict.fromkeys(there, 1), "gone": 0}
    assert secrets(page, "max_age_seconds") == dict.fromkeys({*there, "gone"}, 7_776_000)
    assert secrets(page, "current_version") == secrets(page, "versions") == dict.fromkeys(there, 1)
    assert secrets(page, "deleted") == dict.fromkeys(there, 0)
    assert secrets(page, "deletion_timestamp_seconds") == {}
    assert page.value("vault_kv_secrets_skipped") == 0

    bao("kv", "put", "-mount=kv2", "top", "value=planted2")
    bao("kv", "delete", "-mount=kv2", "team/db")
    page = watched.page()
    said = bao("kv", "metadata", "get", "-mount=kv2", "top")["data"]
    assert secrets(page, "current_version")["top"] == said["current_version"] == 2
    created = secrets(page, "version_created_timestamp_seconds")["top"]
    assert created == secrets(page, "updated_timestamp_seconds")["top"] == pytest.approx(time.time(), abs=30)
    assert secrets(page, "deleted")["team/db"] == 1
    assert secrets(page, "deletion_timestamp_seconds")["team/db"] == pytest.approx(time.time(), abs=30)
    assert "planted" not in watched.exporter.get("/probe?target=dev").decode()


def test_kv_budget(bao: Bao, watch: Watch) -> None:
    bao("secrets", "enable", "-path=many", "-version=2", "kv")
    for number in range(5):
        bao("kv", "put", "-mount=many", f"team/{number}", "value=1")
    page = watch("kv", [{"mount": "many", "paths": ["team/*"], "max_paths": 3}]).page()
    assert len(list(page.series("vault_kv_secret_exists", mount="many"))) == 3
    assert page.value("vault_kv_secrets_skipped", mount="many") == 2


@pytest.mark.parametrize("without", ["kv2/metadata/top", "kv2/metadata/team/+", "kv2/metadata/team/"])
def test_kv_needs_each_rule(watch: Watch, without: str) -> None:
    watch("kv", [{"mount": "kv2", "paths": ["top", "team/*"]}], without=without).page("permission_denied")


def canary(page: ScrapedPage) -> dict[str, Any]:
    steps = {one.labels["step"]: one.value for one in page.series("vault_canary_success")}
    return {**steps, "runs": page.value("vault_canary_runs_total"), "failures": page.sum("vault_canary_failures_total")}


def test_canary(bao: Bao, watch: Watch) -> None:
    bao("secrets", "enable", "-path=canary", "-version=2", "kv")
    watched = watch("canary", {"mount": "canary", "path": "a/bird"})
    page = watched.page()
    assert canary(page) == {"write": 1, "read": 1, "delete": 1, "runs": 1, "failures": 0}
    assert {one.labels["step"] for one in page.series("vault_canary_duration_seconds")} == {"write", "read", "delete"}
    assert not bao("kv", "list", "-mount=canary")  # it leaves nothing behind

    # An engine of version 1 takes the data, but keeps no versions that could be deleted.
    bao("secrets", "disable", "canary")
    bao("secrets", "enable", "-path=canary", "-version=1", "kv")
    page = watched.page()
    assert canary(page) == {"write": 0, "read": 0, "delete": 0, "runs": 2, "failures": 1}
    assert page.value("vault_canary_failures_total", step="write") == 1


@pytest.mark.parametrize("without", ["canary/data/a/bird", "canary/metadata/a/bird"])
def test_canary_needs_each_rule(bao: Bao, watch: Watch, without: str) -> None:
    bao("secrets", "disable", "canary")
    bao("secrets", "enable", "-path=canary", "-version=2", "kv")
    watch("canary", {"mount": "canary", "path": "a/bird"}, without=without).page("permission_denied")


def test_backup(start_exporter: StartExporter, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    backups.mkdir()
    section = [{"name": "daily", "files": str(backups / "vault-*.snap"), "max_age": "26h"}]
    exporter = start_exporter(targets=[{"name": "n1", "address": "http://127.0.0.1:1"}] * 1, backup=section)

    def page() -> ScrapedPage:
        return parse(exporter.get(), Format.TEXT)

    assert page().value("vault_backup_files", name="daily") == 0
    assert "vault_backup_last_timestamp_seconds" not in page()
    assert page().value("vault_backup_max_age_seconds", name="daily") == 26 * 3600
    for name, written, size in (("vault-2.snap", 2_000, 20), ("vault-1.snap", 1_000, 10), ("other", 3_000, 30)):
        (backups / name).write_bytes(b"x" * size)
        os.utime(backups / name, (written, written))
    assert page().value("vault_backup_files", name="daily") == 2
    assert page().value("vault_backup_last_timestamp_seconds", name="daily") == 2_000
    assert page().value("vault_backup_last_size_bytes", name="daily") == 20


def test_pki(bao: Bao, watch: Watch) -> None:
    bao("secrets", "enable", "pki")
    made = bao("write", "pki/root/generate/internal", "common_name=root", "issuer_name=first", "ttl=700h")["data"]
    bao("write", "pki/roles/any", "allow_any_name=true")
    watched = watch("pki", [{"mount": "pki", "certificates": True, "names": ["leaf", "alt.example.com", "none"]}])
    page = watched.page()
    assert not list(page.series(NAMED))
    issuer = {"mount": "pki", "issuer": "first"}
    assert page.value("vault_pki_issuer_not_after_timestamp_seconds", **issuer) == made["expiration"]
    assert page.value("vault_pki_issuer_not_before_timestamp_seconds", **issuer) == pytest.approx(time.time(), abs=90)
    now = time.time()
    assert page.value("vault_pki_crl_last_update_timestamp_seconds", **issuer) == pytest.approx(now, abs=90)
    assert page.value("vault_pki_crl_next_update_timestamp_seconds", **issuer) == pytest.approx(now + 3 * DAY, abs=90)
    assert page.value("vault_pki_crl_revoked_certificates", **issuer) == 0
    assert leaves(page) == {"30d": 1}

    first, second = (
        bao("write", "pki/issue/any", "common_name=leaf", "alt_names=alt.example.com", f"ttl={ttl}")["data"]
        for ttl in ("1h", "48h")
    )
    page = watched.page()
    assert leaves(page) == {"1d": 1, "7d": 1, "30d": 1}
    assert sum(leaves(page).values()) == len(bao("list", "pki/certs"))
    names = {"leaf", "alt.example.com"}
    assert {one.labels["name"]: one.value for one in page.series(NAMED)} == dict.fromkeys(names, second["expiration"])

    # Revoked after it was read, and before.
    bao("write", "pki/revoke", f"serial_number={second['serial_number']}")
    page = watched.page()
    assert leaves(page) == {"1d": 1, "30d": 1}
    assert {one.labels["name"]: one.value for one in page.series(NAMED)} == dict.fromkeys(names, first["expiration"])
    assert leaves(watch("pki", [{"mount": "pki", "certificates": True}]).page()) == {"1d": 1, "30d": 1}
    assert page.value("vault_pki_crl_revoked_certificates", **issuer) == 1
    assert page.value("vault_pki_certificates_skipped") == 0

    page = watch("pki", [{"mount": "pki", "certificates": True, "max_certificates": 1}]).page()
    assert sum(leaves(page).values()) == 1
    assert page.value("vault_pki_certificates_skipped") == 1


def leaves(page: ScrapedPage) -> dict[str, float]:
    return {one.labels["expires_in"]: one.value for one in page.series("vault_pki_certificates") if one.value}


def test_approle(bao: Bao, watch: Watch) -> None:
    bao("auth", "enable", "approle")
    bao("write", "auth/approle/role/billing", "secret_id_ttl=2h")
    watched = watch("approle", [{"roles": ["billing"]}])
    assert watched.page().value("vault_approle_secret_ids", role="billing") == 0
    bao("write", "-f", "auth/approle/role/billing/secret-id")
    bao("write", "auth/approle/role/billing/secret-id", "ttl=1h")
    page = watched.page()
    assert page.value("vault_approle_secret_ids", mount="approle", role="billing") == 2
    expiry = page.value("vault_approle_secret_id_expiry_timestamp_seconds", role="billing")
    assert expiry == pytest.approx(time.time() + 3600, abs=30)


def test_watched_tokens(bao: Bao, watch: Watch) -> None:
    accessor = bao("token", "create", "-ttl=1h")["auth"]["accessor"]
    watched = watch("watched_tokens", [{"name": "ci", "accessor": accessor}])
    page = watched.page()
    assert page.value("vault_watched_token_exists", name="ci") == 1
    said = bao("token", "lookup", "-accessor", accessor)["data"]["expire_time"]
    expiry = page.value("vault_watched_token_expiry_timestamp_seconds", name="ci")
    assert expiry == pytest.approx(datetime.fromisoformat(said).timestamp())
    bao("token", "revoke", "-accessor", accessor)
    page = watched.page()
    assert page.value("vault_watched_token_exists", name="ci") == 0
    assert "vault_watched_token_expiry_timestamp_seconds" not in page
    assert accessor not in watched.exporter.get("/probe?target=dev").decode()


def test_database(bao: Bao, watch: Watch) -> None:
    with tempfile.TemporaryDirectory(prefix="vault-exporter-postgres-") as directory:
        Path(directory).chmod(0o755)
        postgres = Postgres(Path(directory) / "postgres")
        try:
            postgres.start().create_tables()
            bao("secrets", "enable", "database")
            connection = postgres.url.replace("vault@", "{{username}}:{{password}}@")
            options = [f"connection_url={connection}", "username=vault", "password=any", "allowed_roles=app"]
            bao("write", "database/config/pg", "plugin_name=postgresql-database-plugin", *options)
            bao("write", "database/static-roles/app", "db_name=pg", "username=vault", "rotation_period=24h")
            watched = watch("database", [{"roles": ["app"]}])
            page = watched.page()
            said = bao("read", "database/static-roles/app")["data"]["last_vault_rotation"]
            last = page.value("vault_database_static_role_last_rotation_timestamp_seconds", role="app")
            assert last is not None
            assert last == pytest.approx(datetime.fromisoformat(said).timestamp())
            assert page.value("vault_database_static_role_next_rotation_timestamp_seconds", role="app") == last + DAY
            bao("write", "-f", "database/rotate-role/app")
            after = watched.page().value("vault_database_static_role_last_rotation_timestamp_seconds", role="app")
            assert after is not None
            assert after > last
        finally:
            postgres.stop()


@pytest.mark.parametrize(
    ("name", "section", "without"),
    [
        ("pki", {"mount": "pki", "certificates": True}, "pki/certs"),
        ("pki", {"mount": "pki", "certificates": True}, "pki/certs/revoked"),
        ("approle", {"roles": ["billing"]}, "auth/approle/role/billing/secret-id"),
        ("approle", {"roles": ["billing"]}, "auth/approle/role/billing/secret-id-accessor/lookup"),
        ("watched_tokens", {"name": "ci", "accessor": "any"}, "auth/token/lookup-accessor"),
        ("database", {"roles": ["app"]}, "database/static-roles/app"),
    ],
)
def test_each_rule_is_needed(watch: Watch, name: str, section: dict[str, Any], without: str) -> None:
    watch(name, [section], without=without).page("permission_denied")
