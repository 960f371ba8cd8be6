"""What ``status`` and ``check --online`` say of nodes and tokens that are in trouble: each cause once."""

import asyncio
import json
import re
import ssl
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from tests.lab.fake_node import HEALTH, SEAL_STATUS, Node, StartNode
from vault_exporter.alert_rules.parameters import parameters
from vault_exporter.demo.process import free_port, program
from vault_exporter.scrape.node_state import Certificate

DENIED = (403, '{"errors":["permission denied"]}')
"""Of a token that is not known."""
NOT_ALLOWED = (403, '{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}')
"""Of one that is."""
SEALED = (503, HEALTH.replace('"sealed":false', '"sealed":true'))
STANDBY = (429, HEALTH.replace('"standby":false', '"standby":true'))
GIVEN = {"method": "token", "token": "hvs.planted"}
USER = {"method": "userpass", "username": "exporter", "password": "planted"}
KEY = "sys/key-status"
CLUSTER_PORT = "is it the cluster port (8201) in its address, not the port of the API (8200)?"

Run = Callable[..., Awaitable[tuple[int, str]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a command for these targets, on a terminal of 80 columns."""

    async def run(command: str, *targets: dict[str, Any]) -> tuple[int, str]:
        file = tmp_path / "settings.yml"
        file.write_text(yaml.safe_dump({"targets": targets}))
        words = [*command.split(), "--config", str(file)]
        environment = {"COLUMNS": "80", "PATH": "/usr/bin:/bin"}
        pipe = asyncio.subprocess.PIPE
        started = await asyncio.create_subprocess_exec(
            program("vault-exporter"), *words, env=environment, stdout=pipe, stderr=pipe
        )
        out, err = await started.communicate()
        assert err == b""
        text = out.decode()
        assert "planted" not in text
        assert "the log says more" not in text
        return started.returncode or 0, text

    return run


def target(node: Node, auth: dict[str, Any] | None = None, name: str = "n1") -> dict[str, Any]:
    return {"name": name, "address": node.address, **({"auth": auth} if auth else {})}


async def seen(run: Run, *targets: dict[str, Any]) -> tuple[int, list[dict[str, Any]]]:
    status, text = await run("status --json", *targets)
    found: list[dict[str, Any]] = json.loads(text)
    return status, found


def refuse(node: Node) -> None:
    """Refuse whatever needs a token."""
    asked = ("sys/host-info", "sys/in-flight-req", KEY, "sys/mounts", "sys/auth", "sys/metrics")
    node.answers |= dict.fromkeys((*asked, "auth/token/lookup-self", "sys/capabilities-self"), DENIED)


@pytest.mark.parametrize("health", [(200, HEALTH), STANDBY], ids=["active", "standby"])
async def test_a_token_that_is_refused(node: Node, run: Run, health: tuple[int, str]) -> None:
    refuse(node)
    node.answers["sys/health"] = health
    status, text = await run("check --online", target(node, GIVEN))
    assert status == 1
    refusal = 'Vault refuses the token: auth/token/lookup-self: HTTP 403: Vault says "permission denied"'
    remedy = "revoked, expired, or not allowed auth/token/lookup-self; put another one into auth.token"
    assert text.splitlines()[2:] == [
        *(f"  {name:18}  works" for name in ("health", "seal", "leader", "certificate")),
        f"  {'replication':18}  {'works' if health[0] == HTTPStatus.OK else 'only the active node is asked'}",
        f"  {'token':18}  {refusal}",
        f"  {'':18}  {remedy}",
        "Result: 1 check failed; see above.",
    ]
    status, (one,) = await seen(run, target(node, GIVEN))
    assert status == 1
    assert one["token"] == {"method": "token", "valid": False, "expires": None}
    assert one["problems"] == [{"name": "token", "problem": refusal, "remedy": remedy}]
    # Each call is an entry in the audit log. Telemetry is asked for without the token, since the listener may allow it.
    assert node.calls["auth/token/lookup-self"] == 2
    asked = {path for path, headers in node.headers.items() if "X-Vault-Token" in headers}
    assert asked == {"auth/token/lookup-self"}


@pytest.mark.parametrize(
    ("answer", "problem", "remedy"),
    [
        ((400, '{"errors":["invalid"]}'), 'HTTP 400: Vault says "invalid"', "compare the target's auth with Vault: "),
        ((200, "{}"), "Vault's answer is not understood; is the mount of this method?", ""),
        ((500, '{"errors":[]}'), "HTTP 500", ""),
    ],
)
async def test_a_login_that_fails(node: Node, run: Run, answer: tuple[int, str], problem: str, remedy: str) -> None:
    refuse(node)
    node.answers["auth/userpass/login/exporter"] = answer
    status, (one,) = await seen(run, target(node, USER))
    assert status == 1
    (said,) = one["problems"]
    assert (said["name"], said["problem"]) == ("token", f"login: auth/userpass/login/exporter: {problem}")
    assert said["remedy"].startswith(remedy)
    assert bool(said["remedy"]) == bool(remedy)


async def test_a_token_that_may_not_look_itself_up_is_not_called_refused(node: Node, run: Run) -> None:
    node.answers |= dict.fromkeys(("auth/token/lookup-self", "sys/capabilities-self"), NOT_ALLOWED)
    _, text = await run("check --online", target(node, GIVEN))
    assert 'grant: path "sys/capabilities-self" { capabilities = ["update"] }' in text
    assert "refuses the token" not in text


async def test_a_collector_that_gets_nothing_says_why(node: Node, run: Run) -> None:
    every = json.dumps({"data": {KEY: ["read"]}})
    node.answers |= {KEY: (200, '{"data":{}}'), "sys/capabilities-self": (200, every)}
    rotation = '{"data":{"enabled":true,"interval":0,"max_operations":3865470566}}'
    node.answers |= {"sys/rotate/config": (200, rotation), "auth/token/lookup-self": (200, '{"data":{}}')}
    _, text = await run("check --online", target(node, GIVEN))
    said = f"  {'barrier_key':18}  the token's policies do not allow sys/rotate/config"
    assert said in text
    node.answers["sys/capabilities-self"] = (500, '{"errors":[]}')
    _, text = await run("check --online", target(node, GIVEN))
    said = f"  {'barrier_key':18}  bad_reply\n  {'':18}  {KEY}: HTTP 200 with an unexpected body\n"
    assert said in text
    assert "sys/capabilities-self: HTTP 500\n" in text
    assert "grant: " not in text  # nothing says that it lacks something


@pytest.mark.parametrize(("capability", "lacks"), [("root", False), ("sudo", True)])
async def test_the_root_token_lacks_nothing(node: Node, run: Run, capability: str, *, lacks: bool) -> None:
    _, policy = await run("policy", target(node, GIVEN))
    held = {path: [capability] for path in re.findall(r'^path "(.+)" ', policy, re.MULTILINE)}
    assert KEY in held
    node.answers |= {
        "auth/token/lookup-self": (200, '{"data":{}}'),
        "sys/capabilities-self": (200, json.dumps({"data": held})),
    }
    _, text = await run("check --online", target(node, GIVEN))
    assert ("the token's policies do not allow" in text) == lacks


async def test_telemetry_that_needs_a_token(node: Node, run: Run) -> None:
    node.answers["sys/metrics"] = DENIED
    status, text = await run("check --online", target(node))
    assert status == 1
    assert f"  {'telemetry':18}  permission_denied\n  {'':18}  give the target a token" in text


async def test_a_node_that_is_down_is_one_line(run: Run) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    down = {"name": "n1", "address": address, "auth": GIVEN}
    status, text = await run("check --online", down)
    assert status == 1
    said = "refused (sys/health: refused (connection refused))"
    assert text.splitlines()[1:] == [f"n1 ({address}): down, {said}", "Result: 1 check failed; see above."]
    status, (one,) = await seen(run, down)
    assert status == 2
    assert one["token"] == {"method": "token", "valid": None, "expires": None}
    assert [problem["name"] for problem in one["problems"]] == ["health"]


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
async def tls_node(start_node: StartNode, authority: trustme.CA) -> Node:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return await start_node(tls=context)


async def test_why_there_is_no_tls(node: Node, tls_node: Node, authority: trustme.CA, run: Run, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trusted = {"ca_cert": "ca.pem"}
    for one, said in (
        (target(tls_node), "unable to get local issuer certificate; see tls.ca_cert"),
        (
            target(tls_node) | {"tls": trusted | {"server_name": "vault"}},
            "the certificate is for 127.0.0.1, not for vault; see tls.server_name",
        ),
        (
            {"name": "n1", "address": node.address.replace("http:", "https:")},
            "wrong version number; is it http:// in its address?",
        ),
    ):
        status, text = await run("check --online", one)
        assert status == 1
        assert f": down, tls (sys/health: tls ({said}))\n" in text
    assert (await run("check --online", target(tls_node) | {"tls": trusted}))[1].count(": answers\n") == 1


@pytest.mark.parametrize(
    ("age", "left", "status"),
    [
        (timedelta(days=300), timedelta(days=13), 1),
        (timedelta(hours=1), timedelta(hours=47), 0),
        (timedelta(hours=40), timedelta(hours=8), 1),
        (timedelta(days=1), timedelta(days=30), 0),
    ],
    ids=["two weeks", "new, of two days", "old, of two days", "a month"],
)
async def test_a_certificate_that_ends_soon(
    start_node: StartNode,
    authority: trustme.CA,
    run: Run,
    tmp_path: Path,
    age: timedelta,
    left: timedelta,
    status: int,
) -> None:
    now = datetime.now(UTC)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", not_before=now - age, not_after=now + left).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    ended, text = await run("status", target(await start_node(tls=context)) | {"tls": {"ca_cert": "ca.pem"}})
    assert (ended, "n1: certificate: the listener's certificate ends: " in text) == (status, status == 1)


def test_a_certificate_ends_soon_when_its_alert_says_so() -> None:
    declared = parameters()
    seconds = declared["certificate_warning_seconds"].value
    ratio = declared["certificate_warning_ratio"].value
    for life, limit in ((100 * seconds, seconds), (seconds, ratio * seconds)):
        certificate = Certificate(0.0, life)
        assert certificate.ends_soon(life - limit + 1)
        assert not certificate.ends_soon(life - limit - 1)


async def test_a_listener_that_expects_tls(node: Node, run: Run) -> None:
    # As net/http of Go answers, and so Vault.
    node.answers["sys/health"] = (400, "Client sent an HTTP request to an HTTPS server.\n")
    _, text = await run("check --online", target(node))
    said = "sys/health: HTTP 400: it expects TLS; write https:// in its address"
    assert f": down, http_4xx ({said})\n" in text


async def test_another_server_than_vault(node: Node, run: Run) -> None:
    node.answers["sys/health"] = (404, "404: Not Found")
    _, text = await run("check --online", target(node))
    said = "sys/health: HTTP 404, not of Vault; correct the address and port of the target"
    assert f": down, not_found ({said})\n" in text


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"", "reset (sys/health: reset (the connection was closed before the answer))"),
        (bytes((21, 3, 3, 0, 2, 2, 80)), f"tls (sys/health: tls (tlsv1 alert internal error; {CLUSTER_PORT}))"),
    ],
    ids=["a balancer without a backend", "the cluster port, which ends the handshake with an alert"],
)
async def test_a_handshake_that_is_refused(run: Run, answer: bytes, said: str) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)  # all of it, so that closing is no reset
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        _, text = await run("check --online", {"name": "n1", "address": f"https://127.0.0.1:{port}"})
    assert f"): down, {said}\n" in text


async def test_whom_the_audit_log_names(node: Node, run: Run) -> None:
    names = '{"data":{"entity_id":"%s","display_name":"token","ttl":0,"renewable":false}}'
    for entity, said in (
        (
            "",
            "no entity_id, and display_name token. audit.exclude.display_names leaves out every client with that name.",
        ),
        ("e-1", "entity_id e-1 and display_name token. audit.exclude.own: true leaves them out of the audit metrics."),
    ):
        node.answers["auth/token/lookup-self"] = (200, names % entity)
        _, text = await run("check --online", target(node, GIVEN))
        assert f"\n  In Vault's audit log, the exporter's requests have {said}" in text


async def test_what_needs_no_token_is_said_first(node: Node, run: Run) -> None:
    node.answers["auth/token/lookup-self"] = (200, '{"data":{}}')
    _, text = await run("check --online", target(node, GIVEN))
    assert [line.split()[0] for line in text.splitlines()[2:6]] == ["health", "seal", "leader", "certificate"]


async def test_a_sealed_node_says_nothing_of_the_token(node: Node, run: Run) -> None:
    refuse(node)
    node.answers |= dict.fromkeys(("sys/leader", "sys/metrics"), (503, '{"errors":["Vault is sealed"]}'))
    node.answers |= {
        "sys/health": SEALED,
        "sys/seal-status": (200, SEAL_STATUS.replace('"sealed":false', '"sealed":true')),
    }
    status, text = await run("check --online", target(node, GIVEN))
    assert status == 1, text
    unchecked = "what only an unsealed node answers was not checked: unseal it and check again"
    assert text.splitlines()[1] == f"n1 ({node.address}): sealed; {unchecked}"
    assert text.splitlines()[-1] == "Result: not complete, since not unsealed: n1. Unseal and check again."
    assert " token " not in text
    assert "barrier_key" not in text
    status, (one,) = await seen(run, target(node, GIVEN))
    assert status == 2
    assert (one["state"], one["token"]["valid"], one["problems"]) == ("sealed", None, [])
    assert " unknown" in (await run("status", target(node, GIVEN)))[1]


async def test_the_table_fits_80_columns(node: Node, run: Run) -> None:
    node.answers["auth/token/lookup-self"] = (200, '{"data":{"ttl":7200}}')
    node.answers["sys/capabilities-self"] = (200, '{"data":{"sys/mounts":["root"]}}')
    names = [f"vault-{number}.prod.eu-west-1.example.com" for number in range(3)]
    _, text = await run("status", *(target(node, GIVEN, name) for name in names))
    lines = [line.split() for line in text.splitlines() if "example.com" in line and ": " not in line]
    assert lines == [[name, "active", "known", "2.7.2", "119", "min"] for name in names]
    assert "Left out: Cluster; a wider terminal and --json have them.\n" in text
    assert all(len(line) <= 80 for line in text.splitlines() if ": " not in line)


@pytest.mark.parametrize(
    ("expires", "said"),
    [('"ttl":7200', "119 min"), ('"ttl":259200', "2 d 23 h"), ('"ttl":14400', "3 h 59 min"), ('"ttl":0', "no expiry")],
    ids=["a TTL", "a TTL of days", "a TTL of hours", "without one"],
)
async def test_the_table_says_how_long_the_token_is_valid(node: Node, run: Run, expires: str, said: str) -> None:
    node.answers["auth/token/lookup-self"] = (200, f'{{"data":{{{expires}}}}}')
    assert f" {said} " in (await run("status", target(node, GIVEN)))[1]


async def test_what_is_the_same_for_all_nodes_is_said_once(node: Node, start_node: StartNode, run: Run) -> None:
    standby, other = await start_node(), await start_node()
    for one in (node, standby, other):
        one.answers |= {
            "auth/token/lookup-self": (200, '{"data":{"display_name":"token"}}'),
            "sys/capabilities-self": (200, '{"data":{"sys/key-status":["root"]}}'),
        }
    standby.answers["sys/health"] = STANDBY
    other.answers |= {
        "sys/health": STANDBY,
        "sys/metrics": DENIED,
        "sys/capabilities-self": (200, '{"data":{"sys/metrics":["root"]}}'),
    }
    names = ("n1", "n2", "n3")
    both = [target(one, GIVEN, name) for one, name in zip((node, standby, other), names, strict=True)]
    _, text = await run("check --online", *both)
    assert text.count(": answers\n") == 3
    parts = re.findall(r"^  (\w+)  +(.+)$", text, re.MULTILINE)
    assert ("health", "works") in parts
    assert ("mounts", "the token's policies do not allow sys/mounts") in parts
    assert [said for name, said in parts if name == "telemetry"] == [
        "the token's policies do not allow sys/metrics (n1, n2)",
        "permission_denied (n3)",
    ]
    names_said = [name for name, _ in parts if name not in {"telemetry", "barrier_key"}]
    assert len(names_said) == len(set(names_said))
    assert text.count("In Vault's audit log") == 1


async def test_what_the_server_lacks_is_not_said_to_work(node: Node, run: Run) -> None:
    _, policy = await run("policy", target(node, GIVEN))
    held = {path: ["root"] for path in re.findall(r'^path "(.+)" ', policy, re.MULTILINE)}
    unsupported = (404, '{"errors":["1 error occurred:\\n\\t* unsupported path\\n\\n"]}')
    node.answers |= {
        "sys/health": (200, HEALTH.replace('_performance_mode":"primary"', '_performance_mode":"disabled"')),
        "auth/token/lookup-self": (200, '{"data":{}}'),
        "sys/capabilities-self": (200, json.dumps({"data": held})),
        "sys/license/status": unsupported,
        "sys/quotas/lease-count": unsupported,
    }
    _, text = await run("check --online", target(node, GIVEN))
    said = dict(re.findall(r"^  (\w+)  +(.+)$", text, re.MULTILINE))
    assert said["license"] == said["replication"] == "this server does not have it"
    assert said["quotas"] == said["health"] == "works"
    node.answers["sys/health"] = STANDBY
    _, text = await run("check --online", target(node, GIVEN))
    said = dict(re.findall(r"^  (\w+)  +(.+)$", text, re.MULTILINE))
    assert said["license"] == said["mounts"] == "only the active node is asked"
    assert said["host"] == "works"


async def test_all_checks_passed(node: Node, run: Run) -> None:
    status, text = await run("check --online", target(node))
    assert (status, text.splitlines()[-1]) == (0, "Result: all checks passed.")


async def test_what_a_node_says_does_not_steer_the_terminal(node: Node, run: Run) -> None:
    node.answers |= {
        "sys/health": (200, HEALTH.replace("2.7.2", r"2\u001b[2J7\u202e").replace("its-cluster", r"its\u0007\u0000")),
        "auth/token/lookup-self": (200, r'{"data":{"display_name":"its\u001b]0;name","entity_id":"\u0090e"}}'),
        "sys/capabilities-self": (200, '{"data":{}}'),
    }
    for command, expected in (
        ("status", "2?[2J7?"),
        ("status", "its??"),
        ("check --online", "id ?e and display_name its?]0;"),
    ):
        _, text = await run(command, target(node, GIVEN))
        assert expected in text
        assert all(line.isprintable() for line in text.split("\n"))
