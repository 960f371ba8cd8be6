"""The whole catalogue as it looks on a page, kept in ``tests/golden``; ``pytest --update-golden`` writes it anew."""

import re
import ssl
from pathlib import Path

import msgspec
import pytest
import trustme

from tests.lab.answers import answers
from tests.lab.fake_node import StartExporter, StartNode, target
from tests.lab.waiting import eventually
from vault_exporter.config.schema.inputs import Address, Scheme, SocketInput
from vault_exporter.config.schema.model import Audit, Collectors, FileDiscovery, Secret, Tls, TokenAuth, Top
from vault_exporter.config.schema.shard import Shard
from vault_exporter.config.schema.watched import AppRole, Backup, Canary, Database, Kv, Pki, WatchedToken
from vault_exporter.metrics.catalogue import SERIES
from vault_exporter.scrape.collectors import COLLECTORS

GOLDEN = Path(__file__).parents[1] / "golden"
AUDIT_LOG = Path(__file__).parents[1] / "golden" / "audit.log"

UNFINISHED = b'{"time":"2026-11-24T11:31:14.5Z","type":"requ'
"""The beginning of a line, which Vault is writing."""

BIRD = (
    b'{"time":"2026-11-24T11:31:14.5Z","type":"response","request":{"id":"canary-1","operation":"read",'
    b'"path":"secret/data/vault-exporter/canary"}}\n'
)
"""The entry of a request of the canary."""

CHANGING = re.compile(
    r"^(vault_audit_reader_checkpoint_timestamp_seconds|vault_clock_skew_seconds|vault_exporter_collector_duration_seconds\{.*\}"
    r"|vault_exporter_collector_last_success_timestamp_seconds\{.*\}|vault_exporter_probe_duration_seconds"
    r"|vault_exporter_(?:token_expiry|config_last_reload_success|discovery_last_success)_timestamp_seconds(?:\{.*\})?"
    r"|vault_canary_duration_seconds\{.*\}|vault_canary_audit_delay_seconds|vault_backup_last_\w+\{.*\}|vault_listener_certificate_not_(?:after|before)_timestamp_seconds"
    r"|process_\w+|python_\w+(?:\{.*\})?) \S+$",
    re.MULTILINE,
)
"""Values that are never the same twice; their names and labels are checked."""
PYTHON = re.compile(r'python="[^"]*"|implementation="[^"]*",.*patchlevel="[^"]*",version="[^"]*"')


@pytest.mark.parametrize(
    ("name", "accept"),
    [("metrics.txt", "text/plain"), ("metrics.openmetrics.txt", "application/openmetrics-text;version=1.0.0")],
)
async def test_page(
    start_node: StartNode,
    start_exporter: StartExporter,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    name: str,
    accept: str,
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(AUDIT_LOG.read_bytes() + UNFINISHED)
    checkpoint = tmp_path / "checkpoint.json"
    checkpoint.write_text('{"logs":{},"version":1}')
    node = await start_node(tls=listener())
    node.answers |= answers("everything")
    opt_in = tuple(collector.name for collector in COLLECTORS if not collector.default)
    everything = target(
        node,
        auth=TokenAuth(token=Secret("hvs.1")),
        collectors=Collectors(enable=opt_in),
        tls=Tls(insecure_skip_verify=True),
    )
    web_file = tmp_path / "web.yml"
    web_file.touch()
    receiver = SocketInput(listen=Address(Scheme.UNIX, path=f"{tmp_path}/a.sock"))
    audit = Audit(
        logs=(log,),
        from_start=True,
        checkpoint=checkpoint,
        inputs=(receiver,),
        top=Top(enabled=True, clients=("token",)),
        paths=("its-camera-ai/data/{service}/*",),
    )
    backup = Backup("daily", AUDIT_LOG, max_age=93600.0)
    watched = {
        "kv": (Kv("secret", ("team/*", "gone"), max_age=7776000.0),),
        "pki": (Pki("pki", certificates=True, names=("root",)),),
        "approle": (AppRole(("ci",)),),
        "watched_tokens": (WatchedToken("ci", Secret("accessor")),),
        "database": (Database(("app",)),),
        "canary": Canary("secret"),
        "clusters": {"prod": 3},
    }
    client = await start_exporter(everything, audit=audit, web_file=web_file, backup=(backup,), **watched)

    async def page() -> str:
        response = await client.get("/metrics", headers={"Accept": accept, "Accept-Encoding": "identity"})
        return await response.text()

    text = ""

    async def all_is_read() -> bool:
        nonlocal text
        text = await page()
        return 'vault_audit_reader_lag_bytes{log="' in text and _lag(text) == len(UNFINISHED)

    await eventually(all_is_read, what="all lines are read but the unfinished one")
    healthy = _steady(text, log)

    # A family that only a failure shows.
    node.answers["sys/leader"] = (500, '{"errors":["context deadline exceeded"]}')
    failing = [line for line in (await page()).splitlines() if "collector_failure_reason" in line]

    # What the canary says of the log that its requests come by in.
    bird = tmp_path / "bird.log"
    bird.touch()
    often = msgspec.structs.replace(everything, collectors=Collectors(intervals={"canary": 0.001}))
    client = await start_exporter(often, audit=Audit(logs=(bird,)), canary=Canary("secret"))

    async def came_by() -> bool:
        nonlocal text
        text = await page()
        with bird.open("ab") as file:
            file.write(BIRD)
        return "\nvault_canary_audit_delay_seconds" in text

    await eventually(came_by, what="the canary came by")
    sung = [line for line in text.splitlines() if "_canary_audit_" in line]

    # What is discovered takes the place of the one target.
    file = tmp_path / "targets.yml"
    file.write_text("- targets: [v1]")
    client = await start_exporter(discovery=(FileDiscovery(path=file),), shard=Shard(0, 1))
    found = [line for line in (await page()).splitlines() if "_discovery_" in line or "_shard" in line]

    seen = healthy + "\n## and while a collector fails\n" + "\n".join(failing) + "\n"
    seen += "\n## and where the canary came by\n" + _steady("\n".join(sung), bird) + "\n"
    seen += "\n## and where targets are discovered\n" + _steady("\n".join(found), file) + "\n"
    assert {line.split("{")[0].split(" ")[0] for line in seen.splitlines()} >= SERIES

    golden = GOLDEN / name
    if request.config.getoption("--update-golden"):
        golden.write_text(seen)
    assert seen == golden.read_text()


def listener() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def _lag(text: str) -> float:
    return sum(float(value) for value in re.findall(r"^vault_audit_reader_lag_bytes\{.*\} (\S+)$", text, re.MULTILINE))


def _steady(text: str, log: Path) -> str:
    text = text.replace(str(log.parent), "/vault/audit")
    return CHANGING.sub(r"\1 …", PYTHON.sub("…", text))
