"""How the servers are reached: TLS, credentials, prefixes, other products, and servers that are not there."""

import base64
import http.server
import json
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from typer.testing import CliRunner

from tests.doctor.stage import examined
from tests.lab.http_server import serving
from vault_exporter.cli.table import assembled
from vault_exporter.demo.process import free_port

Answer = Callable[[str, Mapping[str, str], str], tuple[int, Any]]
"""Of the path, the headers and the query: the status, and the body."""

OK = "success"


def vector(*series: Mapping[str, str]) -> Any:
    result = [{"metric": dict(labels), "value": [1.0, "1"]} for labels in series]
    return {"status": OK, "data": {"resultType": "vector", "result": result}}


def not_found(path: str, _: Mapping[str, str], query: str) -> tuple[int, Any]:
    """A server of series, without any other part of Prometheus' API."""
    if path == "/api/v1/query":
        node = {"job": "vault", "cluster": "prod", "instance": "n1"}
        known = {"vault_up", "vault_exporter_build_info", "vault_exporter_token_valid", "vault_audit_reader_up"}
        version = {"version": "9.9.9"} if query == "vault_exporter_build_info" else {}
        return 200, vector({**node, **version}) if query in known else vector()
    return 404, {"error": "no such path"}


@contextmanager
def server(
    answer: Answer, *, headers: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[str]:
    """A server over real HTTP; its host and port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urlsplit(self.path)
            status, said = answer(url.path, dict(self.headers), parse_qs(url.query).get("query", [""])[0])
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response_only(status)
            for name, value in {"Date": self.date_time_string(), **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with serving(Handler, tls) as address:
        yield address


def test_a_server_with_queries_only_is_checked_as_far_as_that_goes() -> None:
    with server(not_found) as address:
        report = examined("--prometheus", f"http://{address}")
    assert report.checks == {"metrics-dropped", "exporter-version"}
    assert report.notes[:4] == (
        "Prometheus has no /api/v1/rules here: the rules were not checked",
        "Prometheus has no /api/v1/targets here: scrape intervals, timeouts and scrape errors were not checked",
        "Prometheus has no /api/v1/alertmanagers here: the Alertmanagers that alerts are sent to were not checked",
        "Prometheus has no /api/v1/status/config here: external labels and alert relabeling were not checked",
    )


def test_mimir_has_a_prefix_and_a_tenant(tmp_path: Path) -> None:
    def mimir(path: str, headers: Mapping[str, str], query: str) -> tuple[int, Any]:
        if headers.get("X-Scope-OrgID") != "team-a":
            return 401, b"no org id"
        if not path.startswith("/prometheus/"):
            return 404, b"404 page not found"
        if path == "/prometheus/api/v1/rules":
            return 200, {"status": OK, "data": {"groups": []}}
        return not_found(path.removeprefix("/prometheus"), headers, query)

    config = tmp_path / "http.yml"
    config.write_text("http_headers: {X-Scope-OrgID: {values: [team-a]}}\n")
    given = ("--prometheus-http-config", str(config))
    with server(mimir) as address:
        report = examined("--prometheus", f"http://{address}/prometheus/", *given)
        assert report.checks == {"rules-missing", "metrics-dropped", "exporter-version"}
        (unreached,) = examined("--prometheus", f"http://{address}", *given).findings
        assert unreached["check"] == "prometheus-unreachable"
        assert "404" in unreached["problem"]
        assert "prefix" in unreached["remedy"]
        (denied,) = examined("--prometheus", f"http://{address}/prometheus").findings
        assert "401" in denied["problem"]
        assert "--prometheus-http-config" in denied["remedy"]


def test_victoriametrics_evaluates_rules_elsewhere() -> None:
    def victoria(path: str, headers: Mapping[str, str], query: str) -> tuple[int, Any]:
        if path == "/api/v1/rules":
            return 200, {"status": OK, "data": {"groups": []}}
        if path == "/api/v1/targets":
            labels = {"job": "vault", "cluster": "prod", "instance": "n1"}
            target = {"labels": labels, "scrapeUrl": "http://e/probe?target=n1", "health": "up", "lastError": ""}
            return 200, {"status": OK, "data": {"activeTargets": [target], "droppedTargets": []}}
        return not_found(path, headers, query)

    def vmalert(path: str, _: Mapping[str, str], __: str) -> tuple[int, Any]:
        if path != "/api/v1/rules":
            return 404, b"unsupported path"
        rule = {
            "state": "firing",
            "name": "VaultWatchdog",
            "query": "vector(1)",
            "duration": 0,
            "labels": {"severity": "info", "category": "meta"},
            "health": "ok",
            "type": "alerting",
        }
        return 200, {"status": OK, "data": {"groups": [{"name": "vault-meta", "rules": [rule], "interval": 15}]}}

    with server(victoria, headers={"X-Server-Hostname": "vm"}) as series, server(vmalert) as rules:
        alone = examined("--prometheus", f"http://{series}")
        assert alone.checks == {"metrics-dropped", "exporter-version"}
        assert "VictoriaMetrics does not say scrape intervals and timeouts: they were not checked" in alone.notes
        told = "VictoriaMetrics evaluates no rules: give vmalert's address with --rules; rules were not checked"
        assert told in alone.notes
        both = examined("--prometheus", f"http://{series}", "--rules", f"http://{rules}")
        assert both.checks == {"metrics-dropped", "exporter-version", "rules-incomplete"}


def test_an_alertmanager_that_prometheus_does_not_know_is_found() -> None:
    rule = {"name": "VaultWatchdog", "query": "vector(1)", "type": "alerting", "labels": {"category": "meta"}}
    group = {"name": "vault-meta", "file": "meta.yml", "rules": [rule], "interval": 15, "evaluationTime": 31.5}

    def prometheus(path: str, headers: Mapping[str, str], query: str) -> tuple[int, Any]:
        if path == "/api/v1/rules":
            return 200, {"status": OK, "data": {"groups": [group]}}
        if path == "/api/v1/alertmanagers":
            return 200, {"status": OK, "data": {"activeAlertmanagers": [{"url": "http://am-1:9093/api/v2/alerts"}]}}
        return not_found(path, headers, query)

    def alertmanager(path: str, _: Mapping[str, str], __: str) -> tuple[int, Any]:
        if path != "/api/v2/status":
            return 200, []
        config = (
            "route: {receiver: beat, repeat_interval: 1m}\nreceivers: [{name: beat, webhook_configs: [{url: x}]}]\n"
        )
        peers = [{"name": name, "address": f"{name}:9094"} for name in ("am-1", "am-2")]
        return 200, {"cluster": {"status": "ready", "peers": peers}, "config": {"original": config}}

    with server(prometheus) as series, server(alertmanager) as receiver:
        report = examined("--prometheus", f"http://{series}", "--alertmanager", f"http://{receiver}")
    usual = {"metrics-dropped", "exporter-version", "rules-incomplete"}
    assert report.checks == {*usual, "alertmanager-members", "evaluation-too-slow"}
    assert any("/metrics has no alertmanager_notifications_total" in note for note in report.notes)


@pytest.mark.parametrize(
    ("status", "metrics", "said"),
    [
        (200, 'total{integration="pagerduty"} 4\nfailed_total{integration="pagerduty"} 3', "3 of 4"),
        (
            200,
            (
                'total{integration="pagerduty",receiver_name="a"} 3\n'
                'total{receiver_name="b",integration="pagerduty"} 2\n'
                'failed_total{integration="pagerduty",reason="clientError"} 1\n'
                'failed_total{integration="pagerduty",reason="other"} 2'
            ),
            "3 of 5",
        ),
        (200, 'total{integration="pagerduty"} 4\nfailed_total{integration="pagerduty"} 2', ""),
        (200, 'total{integration="pagerduty"} 0\nfailed_total{integration="pagerduty"} 0', ""),
        (200, 'total{integration="slack"} 4\nfailed_total{integration="slack"} 4', ""),
        (404, "", "Alertmanager: /metrics: HTTP 404: failed notifications were not checked"),
        (403, "", "Alertmanager: /metrics: HTTP 403: failed notifications were not checked"),
    ],
)
def test_failed_notifications_are_counted(status: int, metrics: str, said: str) -> None:
    def alertmanager(path: str, _: Mapping[str, str], __: str) -> tuple[int, Any]:
        if path == "/metrics":
            return status, "".join(f"alertmanager_notifications_{line}\n" for line in metrics.splitlines()).encode()
        config = "route: {receiver: a}\nreceivers: [{name: a, pagerduty_configs: [{routing_key: <secret>}]}]\n"
        return 200, {"config": {"original": config}} if path == "/api/v2/status" else []

    with server(not_found) as series, server(alertmanager) as receiver:
        report = examined("--prometheus", f"http://{series}", "--alertmanager", f"http://{receiver}")
    found = [one["problem"] for one in report.findings if one["check"] == "notifications-failing"]
    assert bool(found) is bool(said and status == 200)
    assert said in f"{found} {report.notes}"
    assert "alertmanager-unreachable" not in report.checks


def test_the_configuration_is_compared_with_what_is_scraped(tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    nodes = [f"{{name: {name}, address: 'http://127.0.0.1:{free_port()}'}}" for name in ("n1", "n2")]
    config.write_text(f"targets: [{', '.join(nodes)}]\naudit: {{logs: [{tmp_path}/audit.log]}}\n")
    with server(not_found) as address:
        report = examined("--prometheus", f"http://{address}", "--config", str(config))
    usual = {"metrics-dropped", "exporter-version"}
    assert report.checks == {*usual, "check-online", "audit-unread", "node-not-scraped"}
    found = {finding["check"]: finding for finding in report.findings}
    assert found["node-not-scraped"]["subjects"] == ["n2"]
    assert found["check-online"]["subjects"] == ["n1", "n2"]
    assert found["check-online"]["level"] == "critical"
    assert found["check-online"]["problem"] == "the node is down: nothing listens there"
    assert found["check-online"]["remedy"] == "start Vault on its host, then unseal it"
    assert found["audit-unread"]["subjects"] == [f"{tmp_path}/audit.log"]


def test_clocks_are_compared() -> None:
    with server(not_found, headers={"Date": "Wed, 21 Oct 2015 07:28:00 GMT"}) as address:
        report = examined("--prometheus", f"http://{address}")
    assert "clock-skew" in report.checks


@pytest.mark.parametrize(
    ("urls", "said"),
    [
        ([], "Prometheus sends its alerts to no Alertmanager: nobody is told."),
        (["http://am-1:9093/api/v2/alerts"], "Prometheus sends to http://am-1:9093/api/v2/alerts."),
    ],
)
def test_without_its_address_a_note_says_which_alertmanager_there_is(urls: list[str], said: str) -> None:
    def prometheus(path: str, headers: Mapping[str, str], query: str) -> tuple[int, Any]:
        if path == "/api/v1/alertmanagers":
            return 200, {"status": OK, "data": {"activeAlertmanagers": [{"url": url} for url in urls]}}
        return not_found(path, headers, query)

    with server(prometheus) as address:
        report = examined("--prometheus", f"http://{address}")
    (note,) = (one for one in report.notes if "--alertmanager" in one)
    assert said in note
    assert "no-alertmanager" not in report.checks


def test_advice_on_a_wrong_address_names_an_address_of_that_server() -> None:
    with server(not_found) as address, server(lambda *_: (404, b"404 page not found")) as other:
        given = ("--alertmanager", f"http://{other}", "--grafana", f"http://{other}", "--rules", f"http://{other}")
        report = examined("--prometheus", f"http://{address}", *given)
    remedies = {one["check"]: one["remedy"] for one in report.findings}
    assert remedies["alertmanager-unreachable"].endswith("such as https://example.com/alertmanager")
    assert remedies["grafana-unreachable"].endswith("such as https://example.com/grafana")
    assert remedies["rules-unreachable"].endswith("such as https://mimir.example.com/prometheus")


@pytest.mark.parametrize("way", ["basic", "authorization", "bearer_token_file"])
def test_credentials_come_from_files_and_are_not_shown(tmp_path: Path, way: str) -> None:
    (tmp_path / "secret").write_text("planted-secret\n")
    text, header = {
        "basic": (
            "basic_auth: {username: doctor, password_file: secret}",
            "Basic " + base64.b64encode(b"doctor:planted-secret").decode(),
        ),
        "authorization": ("authorization: {credentials_file: secret}", "Bearer planted-secret"),
        "bearer_token_file": ("bearer_token_file: secret", "Bearer planted-secret"),
    }[way]
    config = tmp_path / "http.yml"
    config.write_text(text)

    def guarded(path: str, headers: Mapping[str, str], query: str) -> tuple[int, Any]:
        good = headers.get("Authorization") == header
        return not_found(path, headers, query) if good else (401, {"error": "no"})

    with server(guarded) as address:
        report = examined("--prometheus", f"http://{address}", "--prometheus-http-config", str(config))
        assert "exporter-version" in report.checks
        (tmp_path / "secret").write_text("other-secret\n")
        refused = examined("--prometheus", f"http://{address}", "--prometheus-http-config", str(config))
    assert refused.checks == {"prometheus-unreachable"}
    assert "secret" not in str(refused)


def test_tls_is_verified(tmp_path: Path) -> None:
    ca = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("prometheus.example.com").configure_cert(context)
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    config = tmp_path / "http.yml"
    with server(not_found, tls=context) as address:
        url = f"https://{address}"

        def found(text: str) -> tuple[set[str], str]:
            config.write_text(text)
            report = examined("--prometheus", url, "--prometheus-http-config", str(config))
            return report.checks, str(report.findings)

        name = "server_name: prometheus.example.com"
        assert "exporter-version" in found(f"tls_config: {{ca_file: ca.pem, {name}}}")[0]
        assert "exporter-version" in found("tls_config: {insecure_skip_verify: true}")[0]
        for text in ("{}", "tls_config: {ca_file: ca.pem}"):
            checks, said = found(text)
            assert checks == {"prometheus-unreachable"}
            assert "certificate" in said
        plain = examined("--prometheus", f"http://{address}")
        assert plain.checks == {"prometheus-unreachable"}


def test_what_is_not_there_is_a_finding(tmp_path: Path) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    report = examined("--prometheus", nowhere)
    assert report.checks == {"prometheus-unreachable"}
    assert report.status == 2
    assert "refused" in report.findings[0]["problem"].lower()
    token = tmp_path / "token"
    token.write_text("glsa_x\n")
    with server(not_found) as address, server(lambda *_: (401, {"message": "Unauthorized"})) as grafana:
        report = examined(
            *("--prometheus", f"http://{address}", "--rules", nowhere, "--alertmanager", nowhere),
            *("--grafana", f"http://{grafana}", "--grafana-token-file", str(token)),
        )
    assert {"rules-unreachable", "alertmanager-unreachable", "grafana-unreachable"} < report.checks
    with server(lambda *_: (200, b"<html>log in</html>")) as address:
        (page,) = examined("--prometheus", f"http://{address}").findings
        assert "unexpected body" in page["problem"]
    with server(lambda *_: (302, b""), headers={"Location": "https://sso.example.com"}) as address:
        (redirect,) = examined("--prometheus", f"http://{address}").findings
        assert "302" in redirect["problem"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prometheus", "127.0.0.1:9090"], "--prometheus: not a URL such as http://127.0.0.1:9090"),
        (["--prometheus", "http://["], "--prometheus: not a URL such as http://127.0.0.1:9090"),
        (["--prometheus", "http://h", "--rules", "http://[::1"], "--rules: not a URL such as"),
        (["--prometheus", "http://h", "--grafana", "http://h:99999"], "--grafana: not a URL such as"),
        (["--prometheus", "http://h\x1b[31m"], "--prometheus: not a URL such as"),
        (["--prometheus", "http://h\n"], "--prometheus: not a URL such as"),
        (["--prometheus", "http://a..b:9090"], "--prometheus: not a URL such as"),
        (["--prometheus", f"http://{'a' * 64}"], "--prometheus: not a URL such as"),
        (
            ["--prometheus", "http://h", "--alertmanager", "am:9093"],
            "--alertmanager: not a URL such as http://127.0.0.1:9093 or https://example.com/alertmanager",
        ),
        (["--prometheus", "http://u:planted@h"], "put user and password into the file of --prometheus-http-config"),
        (["--prometheus", "http://h", "--grafana", "http://h/?a=b"], "--grafana: with a query"),
        (["--prometheus", "http://h", "--prometheus-http-config", "FILE"], "Object contains unknown field"),
        (
            ["--prometheus", "http://h", "--grafana-token-file", "gone", "--grafana", "http://h"],
            "gone cannot be read: No such file",
        ),
        (
            ["--prometheus", "http://h", "--prometheus-http-config", "TLS"],
            "tls.yml: tls_config.ca_file: DIR/none.pem cannot be read: No such file or directory\n",
        ),
        (["--prometheus", "http://h", "--prometheus-http-config", "TAB"], "tab.yml:2: invalid YAML at column 1: a tab"),
    ],
)
def test_wrong_options_are_said_plainly(tmp_path: Path, arguments: list[str], said: str) -> None:
    file = tmp_path / "http.yml"
    file.write_text("basic_auth: {user: planted}\n")
    (tmp_path / "tls.yml").write_text("tls_config: {ca_file: none.pem}\n")
    (tmp_path / "tab.yml").write_text("basic_auth:\n\tpassword: planted\n")
    files = {"FILE": str(file), "TLS": str(tmp_path / "tls.yml"), "TAB": str(tmp_path / "tab.yml")}
    result = CliRunner().invoke(assembled(["doctor"]), ["doctor", *(files.get(one, one) for one in arguments)])
    assert result.exit_code == 3
    assert said.replace("DIR", str(tmp_path)) in result.stderr
    assert "planted" not in result.output


def test_the_table_for_people_names_remedy_place_and_result() -> None:
    with server(not_found) as address:
        result = CliRunner().invoke(assembled(["doctor"]), ["doctor", "--prometheus", f"http://{address}"])
    lines = result.stdout.splitlines()
    assert lines[0].startswith("critical metrics-dropped: nodes have vault_up and not vault_sealed")
    assert lines[1] == "    do: keep vault_.* in metric_relabel_configs of the job"
    assert lines[2] == "    in: prometheus.yml: scrape_configs: job_name: vault"
    assert lines[3] == "    of: n1 (job vault)"
    assert lines[-1] == "Result: 1 critical, 1 warning."
    assert result.exit_code == 2
