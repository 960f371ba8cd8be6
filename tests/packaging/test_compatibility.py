"""``docs/compatibility.md`` says what works with which version; ``pytest --update-golden`` writes it anew."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.audit.replay.test_replay import run
from tests.lab.answers import answers
from tests.lab.fake_node import StartExporter, StartNode, target
from tests.lab.servers import DATA, SERVERS, Server
from vault_exporter.config.schema.model import Collectors, Secret, TokenAuth
from vault_exporter.metrics.catalogue import FAMILIES
from vault_exporter.scrape.collectors import COLLECTORS

PAGE: Final = Path(__file__).parents[2] / "docs" / "compatibility.md"
BASIC: Final = ("health", "seal", "leader")
ASKED: Final = tuple(one.name for one in COLLECTORS if one.name not in {*BASIC, "certificate"})
"""The collectors that a version may have no endpoint for; the certificate is that of the connection."""
SLOW: Final = {"start_time": "2026-01-01T00:00:00Z", "request_path": "/v1/secret/data/slow"}
"""A request that is under way for long, since a node without one gives no samples of ``in_flight``."""
NO_CONTENT: Final = 204
MADE_BY: Final = {family.name: family.made_by for family in FAMILIES}

ABOUT: Final = """\
# Compatibility

Written by `make generate`, from what the exporter makes of the answers, telemetry pages and audit logs in `tests/data`.

Vault 1.2 to 2.0 and OpenBao 2.0 to 2.7 are supported. The tests run real servers of OpenBao 2.7 only; for the other
versions they have the data in the table. A collector whose endpoint a version does not have gives no samples, and that
is no error.

- *Health, seal, leader*: whether these collectors, which need no token, give samples.
- *Collectors without samples*: collectors whose endpoint is missing in this version or edition, or has nothing that
  they read. All other collectors of [collectors.md](collectors.md) give samples once there is something to tell.
- *Telemetry*: the status of Vault's own telemetry in `vault_exporter_telemetry_status`.
- *Audit log mounts*: `stated` in each entry, or `guessed` from the path, as described in
  [configuration.md](configuration.md#audit-logs-of-old-servers).
- *Answers*, *Telemetry page*, *Audit log*: `recorded` data was written by a real server of this version. `hand-made`
  data follows the documentation of the version or of the nearest one; no server of this version was run for it.

"""
HEADER: Final = (
    *("Version", "Health, seal, leader", "Collectors without samples", "Telemetry", "Audit log mounts"),
    *("Answers", "Telemetry page", "Audit log"),
)


async def scraped(server: Server, start_node: StartNode, start_exporter: StartExporter) -> str:
    """Return the exporter's page about a node of this version."""
    node = await start_node()
    node.answers = answers(server.answers)
    node.answers["sys/metrics"] = (200, (DATA / "telemetry" / f"{server.telemetry}.prom").read_text())
    status, body = node.answers["sys/in-flight-req"]
    if status == 200:
        node.answers["sys/in-flight-req"] = (status, json.dumps(json.loads(body) | {"slow": SLOW}))
    enabled = Collectors(enable=tuple(one.name for one in COLLECTORS if not one.default))
    client = await start_exporter(target(node, auth=TokenAuth(token=Secret("hvs.1")), collectors=enabled))
    return await (await client.get("/probe?target=n1")).text()


def row(server: Server, page: str, log: str) -> tuple[str, ...]:
    """Return a row of the table, from the exporter's page and from what ``replay`` counts."""
    failed = re.findall(r'^vault_exporter_collector_success\{collector="(\w+)"\} 0$', page, re.MULTILINE)
    assert failed == [], server.name
    # All logs have logins that fail; where they do not count, the log is not understood.
    assert re.search(r"^vault_audit_login_failures_total\{.*\} [1-9]", log, re.MULTILINE), server.name
    assert "vault_audit_reader_rejected_lines_total{" not in log, server.name
    made = {MADE_BY[name] for name in re.findall(r"^(\w+)", page, re.MULTILINE) if name in MADE_BY}
    answered = answers(server.answers)
    empty = {
        one.name for one in COLLECTORS for grant in one.grants if answered.get(grant.path, (0, ""))[0] == NO_CONTENT
    }
    silent = [f"`{name}`" for name in ASKED if name not in made | empty]
    return (
        server.name,
        "yes" if made.issuperset(BASIC) else "no",
        ", ".join(silent) or "none",
        " ".join(re.findall(r'^vault_exporter_telemetry_status\{status="(\w+)"\} 1$', page, re.MULTILINE)),
        "guessed" if "\nvault_audit_guessed_mount_entries_total{" in log else "stated",
        *("recorded" if recorded else "hand-made" for recorded in server.files.values()),
    )


async def test_the_page_is_current(
    start_node: StartNode, start_exporter: StartExporter, request: pytest.FixtureRequest
) -> None:
    rows = []
    for server in SERVERS:
        page = await scraped(server, start_node, start_exporter)
        rows.append(row(server, page, run("--metrics", DATA / "audit" / f"{server.audit}.jsonl")))
    assert {row[1:4:2] for row in rows} == {("yes", "ok")}
    table = [HEADER, ("---",) * len(HEADER), *rows]
    text = ABOUT + "".join(f"| {' | '.join(cells)} |\n" for cells in table)
    if request.config.getoption("--update-golden"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "write it anew with `make generate`"


def test_all_files_of_versions_are_used() -> None:
    used = {name for server in SERVERS for name in server.files}
    assert [name for name in sorted(used) if not (DATA / name).is_file()] == []
    kept = (path for folder in ("telemetry/made", "audit/versions") for path in (DATA / folder).iterdir())
    assert {str(path.relative_to(DATA)) for path in kept} <= used
