"""Real agents and proxies, configured and scraped as docs/agents.md says: their alert, and their dashboard."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.dashboards.dashboards import DASHBOARDS, queries
from tests.faults.scaled import Pace, ours
from tests.lab.api import call
from tests.lab.waiting import wait_until
from vault_exporter.demo.openbao import Server, dev_server
from vault_exporter.demo.process import Service, free_port, program
from vault_exporter.demo.prometheus import Prometheus

TOKEN: Final = "root"
PAGE: Final = (Path(__file__).parents[2] / "docs" / "agents.md").read_text()
PACE: Final = Pace(speed=200, shortest=2, window=6)
ALERT: Final = "VaultAgentAuthFailing"
INJECTOR: Final = """\
# TYPE vault_agent_injector_request_queue_length gauge
vault_agent_injector_request_queue_length 0
# TYPE vault_agent_injector_request_processing_duration_ms histogram
vault_agent_injector_request_processing_duration_ms_bucket{{le="5"}} {number}
vault_agent_injector_request_processing_duration_ms_bucket{{le="+Inf"}} {number}
vault_agent_injector_request_processing_duration_ms_sum {number}
vault_agent_injector_request_processing_duration_ms_count {number}
# TYPE vault_agent_injector_injections_by_namespace_total counter
vault_agent_injector_injections_by_namespace_total{{namespace="shop",injection_type="init_and_sidecar"}} {number}
# TYPE vault_agent_injector_failed_injections_by_namespace_total counter
vault_agent_injector_failed_injections_by_namespace_total{{namespace="shop"}} {number}
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.7e+09
"""
"""What vault-k8s shows. It is in no package."""


class Stage(NamedTuple):
    server: Server
    prometheus: Prometheus
    addresses: dict[str, str]
    """Where applications ask the agent and the proxy."""
    role_id: str

    def firing(self, alert: str) -> set[str]:
        found = self.prometheus.query(f'ALERTS{{alertname="{alert}",alertstate="firing"}}')
        return {one.labels["instance"] for one in found}


def give_role(server: Server, **role_id: Any) -> None:
    """Make the role anew, with the same role-id if one is given."""
    settings: dict[str, Any] = {"bind_secret_id": False, "secret_id_bound_cidrs": "127.0.0.0/8", "token_ttl": "4s"}
    assert call(server.address, "POST", "auth/approle/role/app", TOKEN, **settings, **role_id).status == 204


def block(language: str, beginning: str) -> str:
    (found,) = (text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if text.startswith(beginning))
    return str(found)


@contextmanager
def injector() -> Iterator[str]:
    """Serve the injector's page, with one injection more at each scrape."""
    numbers = iter(range(1, 1_000_000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(INJECTOR.format(number=next(numbers)).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def started(kind: str, folder: Path, server: Server, role: str) -> tuple[Service, str, str]:
    """Start an agent or a proxy; return it, where its metrics are, and where it is asked."""
    metrics, asked = (f"127.0.0.1:{free_port()}" for _ in range(2))
    login = {
        "method": {"type": "approle", "config": {"role_id_file_path": role}, "max_backoff": "2s"},
        "sink": [{"type": "file", "config": {"path": str(folder / f"{kind}-token")}}],
    }
    (folder / kind).mkdir()
    (folder / kind / "own.json").write_text(
        json.dumps(
            {
                "vault": {"address": server.address},
                "auto_auth": login,
                "api_proxy": {"use_auto_auth_token": True},
                "cache": {},
                "listener": [{"tcp": {"address": asked, "tls_disable": True}}],
            }
        )
    )
    (folder / kind / "documented.hcl").write_text(block("hcl", "# agent.hcl").replace("0.0.0.0:8100", metrics))
    files = [f"-config={folder / kind / name}" for name in ("own.json", "documented.hcl")]
    service = Service(kind, [program("bao"), kind, *files], log=folder / f"{kind}.log", cwd=folder)
    return service, metrics, f"http://{asked}"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("agents")
    for name in ("bao", "rules", "prometheus"):
        (folder / name).mkdir()
    with ExitStack() as stack:
        server = stack.enter_context(dev_server(folder / "bao", root_token=TOKEN))
        assert call(server.address, "POST", "sys/auth/approle", TOKEN, type="approle").status == 204
        give_role(server)
        role = call(server.address, "GET", "auth/approle/role/app/role-id", TOKEN).body["data"]["role_id"]
        (folder / "role-id").write_text(role)
        addresses: dict[str, str] = {}
        jobs = yaml.safe_load(block("yaml", "scrape_configs:"))["scrape_configs"]
        for job, kind in zip(jobs, ("agent", "proxy"), strict=True):
            service, metrics, asked = started(kind, folder, server, str(folder / "role-id"))
            stack.enter_context(service)
            (static,) = job["static_configs"]
            job["static_configs"] = [{"targets": [metrics], "labels": {**static["labels"], "instance": kind}}]
            addresses[kind] = asked
        labels = {"cluster": "prod", "instance": "injector"}
        targets = [{"targets": [stack.enter_context(injector())], "labels": labels}]
        jobs.append({"job_name": "vault-agent-injector", "honor_labels": True, "static_configs": targets})
        rules = ours(folder / "rules", PACE, {})
        prometheus = stack.enter_context(Prometheus(folder / "prometheus", jobs, port=free_port(), rules=rules))
        yield Stage(server, prometheus, addresses, role)


def test_a_role_that_is_taken_away_and_given_back(stage: Stage) -> None:
    up = 'count(up{job="vault-agent",cluster="prod"} == 1)'
    wait_until(lambda: stage.prometheus.value(up) == 2, what="both are scraped")
    logins = "count(bao_agent_auth_success or vault_proxy_auth_success)"
    wait_until(lambda: stage.prometheus.value(logins) == 2, what="both have logged in")
    assert stage.firing(ALERT) == set()
    assert call(stage.server.address, "DELETE", "auth/approle/role/app", TOKEN).status == 204
    wait_until(lambda: stage.firing(ALERT) == {"agent", "proxy"}, what="both cannot log in, which is told")
    give_role(stage.server, role_id=stage.role_id)
    wait_until(lambda: stage.firing(ALERT) == set(), what="the alert ends")


def test_the_injector_that_fails(stage: Stage) -> None:
    wait_until(lambda: stage.firing("VaultAgentInjectionsFailing") == {"prod"}, what="failed injections are told")
    assert not stage.firing("VaultAgentInjectorDown") | stage.firing("VaultAgentInjectorSlow")


def test_every_panel_has_data(stage: Stage) -> None:
    def empty() -> set[str]:
        for address in stage.addresses.values():
            assert call(address, "GET", "auth/token/lookup-self").status == 200
        titles: dict[str, bool] = {}
        for panel, target in queries(DASHBOARDS["vault-agents"]):
            expr = target["expr"]
            for name, value in (("$__rate_interval", "8s"), ("$__range", "60s"), ("[5m]", "[8s]")):
                expr = expr.replace(name, value)
            for name in ("$job", "$cluster", "$instance"):
                expr = expr.replace(name, ".+")
            titles[panel["title"]] = titles.get(panel["title"], False) or bool(stage.prometheus.query(expr))
        return {title for title, filled in titles.items() if not filled}

    waits = {"Agents that cannot log in"}
    wait_until(lambda: empty() <= waits, what="data in all panels", interval=1)
