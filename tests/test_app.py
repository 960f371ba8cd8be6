"""The endpoints, in front of a node over real HTTP."""

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp.plugin import AiohttpClient

from tests.lab.fake_node import HEALTH, TELEMETRY, Node, StartExporter, target
from vault_exporter.app import Exporter
from vault_exporter.config.schema.model import Audit, Collectors, Config, Secret, Target, Telemetry, TokenAuth
from vault_exporter.metrics.reasons import Reason

PATHS = {"sys/health", "sys/seal-status", "sys/leader", "sys/metrics", "sys/replication/status"}
PLANTED = "hvs.planted"

Client = TestClient[web.Request, web.Application]


async def get(client: Client, path: str, **headers: str) -> str:
    response = await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert response.status == 200, await response.text()
    return await response.text()


async def test_metrics_of_the_sidecar_has_everything(node: Node, start_exporter: StartExporter) -> None:
    page = await get(await start_exporter(target(node)), "/metrics")
    for line in (
        "vault_exporter_targets 1",
        "vault_up 1",
        'vault_core_unsealed{cluster="its-cluster"} 1',
        "vault_go_goroutines 544",
        "vault_barrier_put_count 39",
        'vault_exporter_telemetry_status{status="ok"} 1',
        'vault_exporter_telemetry_dropped_lines{reason="replaced"} 2',
        "vault_exporter_probe_requests 5",
    ):
        assert f"\n{line}\n" in page
    assert page.count("\nvault_core_unsealed") == 1
    assert "\nprocess_start_time_seconds " in page
    assert "\npython_info{" in page


async def test_metrics_of_many_targets_has_none_of_them(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node, "n1"), target(node, "n2"))
    page = await get(client, "/metrics")
    assert "\nvault_exporter_targets 2\n" in page
    assert "vault_up" not in page
    assert not node.calls


async def test_probe_has_the_target_and_nothing_of_the_exporter(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node, "n1"), target(node, "n2"))
    page = await get(client, "/probe?target=n2")
    assert "\nvault_up 1\n" in page
    assert "process_start_time_seconds" not in page.replace("vault_process_start_time_seconds", "")
    assert "vault_exporter_build_info" not in page


@pytest.mark.parametrize("query", ["", "?target=", "?target=n2", "?target=http://127.0.0.1:1", "?target=<script>"])
async def test_probe_of_anything_else_is_refused(node: Node, start_exporter: StartExporter, query: str) -> None:
    client = await start_exporter(target(node))
    response = await client.get(f"/probe{query}")
    assert response.status == 400
    assert await response.text() == "Ask for a configured target: /probe?target=NAME. Configured targets: n1\n"
    assert not node.calls


async def test_concurrent_scrapes_make_one_call_an_endpoint(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node))
    node.open.clear()
    scrapes = [asyncio.create_task(get(client, path)) for path in ("/probe?target=n1", "/metrics", "/probe?target=n1")]
    await node.asked.wait()
    node.open.set()
    pages = await asyncio.gather(*scrapes)
    assert all("\nvault_up 1\n" in page for page in pages)
    assert node.calls == dict.fromkeys(PATHS, 1)

    await get(client, "/metrics")
    assert node.calls == dict.fromkeys(PATHS, 2) | {"sys/replication/status": 1}  # it has an interval


async def test_a_caller_in_a_hurry_does_not_wait_for_the_flight(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node, timeout=60.0))
    node.open.clear()
    patient = asyncio.create_task(get(client, "/probe?target=n1"))
    await node.asked.wait()
    page = await get(client, "/probe?target=n1", X_Prometheus_Scrape_Timeout_Seconds="0.2")
    assert "vault_up 0\n" in page
    assert '\nvault_up_failure_reason{reason="timeout"} 1\n' in page
    node.open.set()
    assert "vault_up 1\n" in await patient
    assert node.calls == dict.fromkeys(PATHS, 1)


async def test_a_caller_with_more_time_is_not_held_to_anothers(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node))
    node.open.clear()
    hurried = asyncio.create_task(get(client, "/probe?target=n1", X_Prometheus_Scrape_Timeout_Seconds="0.4"))
    await node.asked.wait()
    patient = asyncio.create_task(get(client, "/probe?target=n1", X_Prometheus_Scrape_Timeout_Seconds="20"))
    assert "vault_up 0\n" in await hurried
    node.open.set()
    assert "vault_up 1\n" in await patient


@pytest.mark.parametrize(
    ("collector", "body", "family"),
    [
        ("seal-status", f'{{"sealed":false,"t":{10**400}}}', "vault_seal_threshold"),
        ("leader", f'{{"ha_enabled":true,"raft_committed_index":{10**400}}}', "vault_leader_raft_committed_index"),
        ("health", f'{{"initialized":true,"server_time_utc":{10**400}}}', "vault_clock_skew_seconds"),
    ],
)
async def test_a_number_out_of_range_costs_its_own_metric(
    node: Node, start_exporter: StartExporter, collector: str, body: str, family: str
) -> None:
    node.answers[f"sys/{collector}"] = (200, body)
    collector = collector.removesuffix("-status")
    page = await get(await start_exporter(target(node)), "/metrics")
    assert f'\nvault_exporter_collector_success{{collector="{collector}"}} 1\n' in page
    assert "\nvault_up 1\n" in page
    assert f"\n{family} " not in page


async def test_without_a_token_five_paths_are_called(node: Node, start_exporter: StartExporter) -> None:
    await get(await start_exporter(target(node, namespace="team")), "/metrics")
    assert set(node.calls) == PATHS
    for headers in node.headers.values():
        assert "X-Vault-Token" not in headers
        assert "X-Vault-Namespace" not in headers
        assert headers["X-Vault-No-Request-Forwarding"] == "1"
        assert headers["User-Agent"].startswith("vault-exporter/")


async def test_the_token_goes_where_it_is_needed_and_nowhere_else(node: Node, start_exporter: StartExporter) -> None:
    auth = TokenAuth(token=Secret(PLANTED))
    await get(await start_exporter(target(node, auth=auth, namespace="team")), "/metrics")
    without = {path for path, headers in node.headers.items() if "X-Vault-Token" not in headers}
    assert without == PATHS - {"sys/metrics"}
    assert node.headers["sys/metrics"]["X-Vault-Token"] == PLANTED
    assert node.headers["sys/metrics"]["X-Vault-Namespace"] == "team"


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ((200, TELEMETRY), "ok"),
        ((403, '{"errors":["permission denied"]}'), "permission_denied"),
        ((400, '{"errors":["missing client token"]}'), "permission_denied"),
        ((400, "prometheus is not enabled"), "disabled"),
        ((400, '{"errors":["prometheus is not enabled"]}'), "disabled"),
        ((400, '{"errors":["cannot forward local-only request"]}'), "unavailable"),
        ((503, '{"errors":["Vault is sealed"]}'), "unavailable"),
        ((307, ""), "unavailable"),
        ((400, '{"errors":["who knows"]}'), "failed"),
        ((500, "<html>oops</html>"), "failed"),
        ((200, "<html>\n<p>Sign in, please.</p>\n</html>\n"), "failed"),
        ((200, ""), "failed"),
        ((200, "my_app_requests 1\n"), "unknown_prefix"),
    ],
)
async def test_telemetry_that_is_not_given_fails_nothing_else(
    node: Node, start_exporter: StartExporter, answer: tuple[int, str], status: str
) -> None:
    node.answers["sys/metrics"] = answer
    page = await get(await start_exporter(target(node)), "/metrics")
    assert "\nvault_up 1\n" in page
    assert f'\nvault_exporter_telemetry_status{{status="{status}"}} 1\n' in page
    assert page.count("vault_exporter_telemetry_status{status=") == 7
    success = int(status != "failed")
    assert f'\nvault_exporter_collector_success{{collector="telemetry"}} {success}\n' in page


async def test_telemetry_that_takes_too_long_to_repair_fails_nothing_else(
    node: Node, start_exporter: StartExporter
) -> None:
    node.answers["sys/metrics"] = (200, "#\n" * (2 << 20))
    page = await get(await start_exporter(target(node, timeout=0.5)), "/metrics")
    assert "\nvault_up 1\n" in page
    assert '\nvault_exporter_telemetry_status{status="failed"} 1\n' in page
    assert '\nvault_exporter_collector_failure_reason{collector="telemetry",reason="timeout"} 1\n' in page
    node.answers["sys/metrics"] = (200, "vault_x 1\n")
    assert "\nvault_x 1\n" in await get(await start_exporter(target(node)), "/metrics")


@pytest.mark.parametrize("of_the_target", [True, False])
async def test_telemetry_can_be_switched_off(
    node: Node,
    start_exporter: StartExporter,
    of_the_target: bool,  # noqa: FBT001 - a parameter
) -> None:
    without = target(node, collectors=Collectors(disable=("telemetry",) if of_the_target else ()))
    page = await get(await start_exporter(without, telemetry=Telemetry(enabled=of_the_target)), "/metrics")
    assert '\nvault_exporter_telemetry_status{status="off"} 1\n' in page
    assert "sys/metrics" not in node.calls
    assert "vault_barrier_put" not in page


async def test_one_failed_collector_costs_its_own_samples(node: Node, start_exporter: StartExporter) -> None:
    node.answers["sys/leader"] = (404, "no")
    page = await get(await start_exporter(target(node)), "/metrics")
    assert "\nvault_up 1\n" in page
    assert '\nvault_exporter_collector_success{collector="leader"} 0\n' in page
    assert '\nvault_exporter_collector_failure_reason{collector="leader",reason="not_found"} 1\n' in page
    assert "vault_ha_enabled" not in page
    assert "\nvault_seal_shares 3\n" in page


async def test_a_standby_that_lost_its_storage_is_not_up(node: Node, start_exporter: StartExporter) -> None:
    node.answers["sys/health"] = (429, '{"initialized":true,"sealed":false,"standby":true}')
    node.answers["sys/leader"] = (500, '{"errors":["failed to connect to the database"]}')
    page = await get(await start_exporter(target(node)), "/metrics")
    assert "\nvault_up 0\n" in page
    assert page.count('vault_up_failure_reason{reason="http_5xx"} 1\n') == 1
    assert page.count("vault_up_failure_reason{") == len(Reason)
    assert "\nvault_core_unsealed 1\n" in page


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("sys/health", (502, "<html>502 Bad Gateway</html>"), "proxy_error"),
        ("sys/health", (503, ""), "proxy_error"),
        ("sys/health", (503, '{"message":"no healthy upstream"}'), "proxy_error"),
        ("sys/health", (500, '{"errors":["context deadline exceeded"]}'), "http_5xx"),
        ("sys/leader", (504, "upstream request timeout"), "proxy_error"),
        ("sys/leader", (500, '{"errors":[]}'), "http_5xx"),
    ],
)
async def test_an_error_of_a_proxy_is_not_blamed_on_vault(
    node: Node, start_exporter: StartExporter, path: str, answer: tuple[int, str], reason: str
) -> None:
    node.answers[path] = answer
    page = await get(await start_exporter(target(node)), "/metrics")
    assert "\nvault_up 0\n" in page
    assert f'\nvault_up_failure_reason{{reason="{reason}"}} 1\n' in page


@pytest.mark.parametrize(
    ("health", "seal", "sealed", "unsealed"),
    [
        ((500, ""), (200, '{"sealed":true}'), 1, 0),
        ((500, ""), (200, '{"sealed":false}'), 0, 1),
        ((503, '{"initialized":true,"sealed":true}'), (500, ""), 1, 0),
        ((200, '{"initialized":true,"sealed":false}'), (404, ""), 0, 1),
        ((500, ""), (500, ""), 0, 0),
        # The seal status is believed: it is what a node under unseal changes first.
        ((503, '{"initialized":true,"sealed":true}'), (200, '{"sealed":false}'), 0, 1),
    ],
)
async def test_seal_state_comes_from_whoever_says_it(
    node: Node,
    start_exporter: StartExporter,
    health: tuple[int, str],
    seal: tuple[int, str],
    sealed: int,
    unsealed: int,
) -> None:
    node.answers |= {"sys/health": health, "sys/seal-status": seal}
    page = await get(await start_exporter(target(node)), "/metrics")
    assert f"\nvault_sealed {sealed}\n" in page
    assert f"\nvault_core_unsealed {unsealed}\n" in page
    assert page.count("\nvault_sealed ") == page.count("\nvault_core_unsealed ") == 1
    assert page.count("\nvault_up ") == page.count("\nvault_active ") == 1


async def test_the_cluster_label_of_vaults_own_series(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node), target(node, "n2", cluster="prod"))

    async def lines(name: str) -> list[str]:
        page = await get(client, f"/probe?target={name}")
        return [line for line in page.splitlines() if line.startswith("vault_core_unsealed")]

    assert await lines("n1") == ['vault_core_unsealed{cluster="its-cluster"} 1']
    assert await lines("n2") == ["vault_core_unsealed 1"]  # /sd gives it the cluster that is configured
    node.answers["sys/health"] = (503, '{"initialized":true,"sealed":true}')
    node.answers["sys/seal-status"] = (200, '{"sealed":true}')
    assert await lines("n1") == ['vault_core_unsealed{cluster="its-cluster"} 0']
    node.answers["sys/health"] = node.answers["sys/seal-status"] = (500, "")
    assert await lines("n1") == ['vault_core_unsealed{cluster="its-cluster"} 0']
    assert await lines("n2") == ["vault_core_unsealed 0"]


async def test_both_formats_are_negotiated(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node))
    text = await client.get("/metrics")
    assert text.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "# EOF" not in await text.text()
    openmetrics = await client.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert openmetrics.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    body = await openmetrics.text()
    assert body.endswith("\n# EOF\n")
    assert body.count("# EOF") == 1
    odd = await client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=abc"})
    assert odd.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"


async def test_compression_only_where_asked_for(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node))
    plain = await client.get("/metrics", headers={"Accept-Encoding": "identity"})
    packed = await client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    refused = await client.get("/metrics", headers={"Accept-Encoding": "gzip;q=0, identity"})
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in refused.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "\nvault_up 1\n" in await packed.text()


async def test_health_and_readiness_call_nobody(node: Node, start_exporter: StartExporter) -> None:
    client = await start_exporter(target(node))
    assert await get(client, "/-/healthy") == "vault-exporter is healthy.\n"
    assert await get(client, "/-/ready") == "vault-exporter is ready.\n"
    assert not node.calls


async def test_it_is_not_healthy_once_it_no_longer_reads(aiohttp_client: AiohttpClient) -> None:
    exporter = Exporter(Config())
    client = await aiohttp_client(exporter.app)
    assert await get(client, "/-/healthy") == "vault-exporter is healthy.\n"
    noticed = asyncio.Event()

    async def breaks() -> None:
        asyncio.get_running_loop().call_soon(noticed.set)
        raise ValueError(PLANTED)

    exporter.reading.start("audit logs", breaks())
    await noticed.wait()
    answer = await client.get("/-/healthy")
    text = "A part of vault-exporter no longer runs. Restart it; the log has the error.\n"
    assert (answer.status, await answer.text()) == (500, text)
    assert await get(client, "/-/ready") == "vault-exporter is ready.\n"


async def test_status_page(node: Node, start_exporter: StartExporter) -> None:
    down = Target(name="<b>down", address="http://127.0.0.1:1")
    audit = Audit(logs=(Path("/var/log/<i>audit.log"),))
    client = await start_exporter(target(node), down, audit=audit, status_page_scrapes=False)
    before = await get(client, "/")
    assert before.count("not asked yet") == 2
    await get(client, "/probe?target=n1")
    await get(client, "/probe?target=%3Cb%3Edown")
    page = await get(client, "/")
    assert '<span class="tag active">active</span>' in page
    assert '<span class="tag down">down</span>' in page
    assert "sys/health: refused" in page
    assert '<td data-label="Version">2.7.2</td>' in page
    assert "&lt;b&gt;down" in page
    assert '<a href="/targets/%3Cb%3Edown">' in page
    assert "&lt;i&gt;audit.log" in page
    assert "<b>" not in page
    assert "<i>" not in page


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (429, '{"initialized":true,"sealed":false,"standby":true}', "standby"),
        (503, '{"initialized":true,"sealed":true,"standby":true}', "sealed"),
        (501, '{"initialized":false,"sealed":true,"standby":true}', "uninitialized"),
    ],
)
async def test_status_page_tells_the_state(
    node: Node, start_exporter: StartExporter, status: int, body: str, state: str
) -> None:
    node.answers["sys/health"] = (status, body)
    node.answers["sys/seal-status"] = (404, "")
    client = await start_exporter(target(node))
    await get(client, "/metrics")
    assert f'<span class="tag {state}">{state}</span>' in await get(client, "/")


async def test_status_page_has_vaults_own_words_and_no_control_characters(
    node: Node, start_exporter: StartExporter
) -> None:
    node.answers["sys/health"] = (200, HEALTH.replace("2.7.2", "2.7\\u0000\\u001b[31m").replace("its-c", "<i>\\u009b"))
    node.answers["sys/leader"] = (
        500,
        '{"errors":["dial tcp 10.0.0.1:5432: connect: connection refused for hvs.CAESIplantedplanted <b>\\u001b"]}',
    )
    client = await start_exporter(target(node))
    metrics = await get(client, "/metrics")
    page = await get(client, "/")
    said = (
        "sys/leader: HTTP 500: Vault says &#34;dial tcp 10.0.0.1:5432: connect: connection refused for […] "
        "&lt;b&gt;?&#34;"
    )
    assert said in page
    assert r'version="2.7\\x00\\x1b[31m"' in metrics
    for text in (page, metrics):
        assert "planted" not in text
        assert all(character.isprintable() or character == "\n" for character in text)
    assert "connection refused" not in metrics


async def test_a_planted_token_is_on_no_page(node: Node, start_exporter: StartExporter) -> None:
    auth = TokenAuth(token=Secret(PLANTED))
    node.answers["sys/metrics"] = (403, f'{{"errors":["permission denied for {PLANTED}"]}}')
    client = await start_exporter(target(node, auth=auth))
    for path in ("/metrics", "/probe?target=n1", "/", f"/probe?target={PLANTED}", "/-/healthy", "/nowhere"):
        response = await client.get(path)
        assert PLANTED not in await response.text()
        assert PLANTED not in str(response.headers)
