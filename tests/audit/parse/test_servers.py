"""What servers of all ages write is counted the same, by ``replay`` and by the exporter that follows the log."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.audit.entries import DATA, fed, recorded, values
from tests.audit.replay.test_replay import run
from vault_exporter.audit.count.counters import Limits
from vault_exporter.audit.count.pipeline import PipelineSettings
from vault_exporter.audit.parse.request_kind import RequestKind, guess_mount, request_kind
from vault_exporter.audit.service import AuditService
from vault_exporter.config.schema.model import Audit
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.exposition import Format, render
from vault_exporter.metrics.family import Family

NOT_SAID = ("vault_audit_reader_", "vault_audit_last_entry", "vault_audit_distinct_")
"""What only one of the two publishes."""
NOBODY = {"token_type": "default"}
TOKEN = {"client_token": "hmac-sha256:b", "policies": ["default"], "token_type": "service", "token_ttl": 3600}
LEASE = {"secret": {"lease_id": "database/creds/app/x"}}
HASHED = {"data": {"error": "hmac-sha256:e"}}
DENIED = "1 error occurred:\n\t* permission denied\n\n"


def entry(type_: str, number: int, path: str, operation: str = "update", *, error: str = "", **fields: Any) -> bytes:
    """An entry in OpenBao's order of fields, without spaces, as servers write it."""
    request: dict[str, Any] = {"id": f"r{number}", "operation": operation, "namespace": {"id": "root"}, "path": path}
    request |= fields.pop("request", {})
    whole: dict[str, Any] = {"time": f"2023-01-01T00:{number // 60:02}:{number % 60:02}.1Z", "type": type_}
    whole |= {"auth": {"client_token": "hmac-sha256:a", "policies": ["default"]}, "request": request} | fields
    if error:
        whole["error"] = error
    return json.dumps(whole, separators=(",", ":")).encode() + b"\n"


class Deed(NamedTuple):
    """A request, and how its entries are written."""

    path: str
    mount_type: str
    mount_point: str
    operation: str = "update"
    auth: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    error: str = ""


DEEDS = (
    Deed("auth/token/revoke-accessor", "token", "auth/token/"),
    Deed("auth/token/renew-self", "token", "auth/token/", response={"auth": TOKEN}),
    Deed("auth/token/create/ci", "token", "auth/token/", response={"auth": TOKEN}),
    Deed("auth/token/create-orphan", "token", "auth/token/", response={"auth": TOKEN}),
    Deed("sys/revoke-prefix/database/creds", "system", "sys/"),
    Deed("sys/leases/renew", "system", "sys/", response=LEASE),
    Deed("sys/wrapping/unwrap", "system", "sys/", response={"data": {"a": "hmac-sha256:x"}}),
    Deed("auth/ldap/login/eve", "ldap", "auth/ldap/", auth=NOBODY, response=HASHED),
    Deed("auth/ldap/login/bob", "ldap", "auth/ldap/", auth=NOBODY, response={"auth": TOKEN}),
    Deed("auth/oidc/oidc/callback", "oidc", "auth/oidc/", "read", auth=NOBODY, response={"auth": TOKEN}),
    Deed("auth/approle/login", "approle", "auth/approle/", auth=NOBODY, error=DENIED),
    Deed("database/creds/app", "database", "database/", "read", response=LEASE),
)
COUNTED: dict[Family, dict[tuple[str, ...], float]] = {
    c.AUDIT_LOGINS: {("ldap", "auth/ldap/"): 1, ("oidc", "auth/oidc/"): 1},
    c.AUDIT_LOGIN_FAILURES: {("ldap", "auth/ldap/"): 1, ("approle", "auth/approle/"): 1},
    c.AUDIT_TOKENS_CREATED: {("service",): 4},
    c.AUDIT_TOKENS_RENEWED: {(): 1},
    c.AUDIT_TOKENS_REVOKED: {(): 1},
    c.AUDIT_LEASES_CREATED: {("database", "database/"): 1},
    c.AUDIT_LEASES_RENEWED: {(): 1},
    c.AUDIT_LEASES_REVOKED: {(): 1},
    c.AUDIT_UNWRAPS: {(): 1},
}
GENERATIONS = {
    "Vault since 1.14, OpenBao": ("mount_type", "mount_point", "mount_class"),
    "Vault 1.10 to 1.13": ("mount_type",),
    "Vault before 1.10": (),
}


def deeds(states: tuple[str, ...], *, requests: bool) -> Iterator[bytes]:
    for number, deed in enumerate(DEEDS):
        class_ = "auth" if deed.mount_point.startswith("auth/") else "secret"
        mount = {"mount_type": deed.mount_type, "mount_point": deed.mount_point, "mount_class": class_}
        stated = {key: value for key, value in mount.items() if key in states}
        fields = {"request": stated} | ({} if deed.auth is None else {"auth": deed.auth})
        if requests:
            yield entry("request", number, deed.path, deed.operation, **fields)
        answer = {"response": stated | deed.response} if deed.response is not None else {}
        yield entry("response", number, deed.path, deed.operation, **fields, **answer, error=deed.error)


def samples(page: str) -> set[str]:
    """What the lines themselves say, without what is said of the reading."""
    lines = {line for line in page.splitlines() if line.startswith("vault_audit_")}
    return {line for line in lines if not line.startswith(NOT_SAID)}


def both_ways(path: Path, lines: list[bytes]) -> dict[Family, dict[tuple[str, ...], float]]:
    """Count lines by replay and by following the file; both must count the same."""
    path.write_bytes(b"".join(lines))
    reader = AuditService(Audit(logs=(path,), from_start=True))
    while reader.logs[0].step():
        pass
    followed = list(reader.samples())
    page = render(reader.samples(), Format.TEXT).decode()
    reader.logs[0].close()
    assert samples(run("--metrics", path)) == samples(page)
    families: dict[Family, dict[tuple[str, ...], float]] = {}
    for sample in followed:
        if sample.value:
            families.setdefault(sample.family, {})[sample.labels] = sample.value
    return families


@pytest.mark.parametrize("requests", [True, False], ids=["both entries", "responses only"])
@pytest.mark.parametrize("generation", GENERATIONS)
def test_requests_are_told_apart_whatever_the_entries_state(generation: str, tmp_path: Path, *, requests: bool) -> None:
    states = GENERATIONS[generation]
    # A mount becomes a label with its first successful request where entries do not state it.
    lines = list(deeds(states, requests=requests))
    counted = both_ways(tmp_path / "audit.log", lines * 2)
    once = both_ways(tmp_path / "once.log", lines)
    for family, wanted in COUNTED.items():
        assert sum(once[family].values()) == sum(wanted.values()), family.name
        assert sum(counted[family].values()) == 2 * sum(wanted.values()), family.name
        if states or not requests:
            assert once[family] == wanted, family.name
    guessed = sum(once.get(c.AUDIT_GUESSED_MOUNT_ENTRIES, {}).values())
    assert guessed == (0 if "mount_point" in states else len(lines)) or (requests and not states and guessed > 0)
    assert c.AUDIT_REJECTED not in counted


@pytest.mark.parametrize("file", sorted(path.name for path in (DATA / "versions").iterdir()))
def test_the_same_requests_count_the_same_in_the_log_of_each_version(file: str, tmp_path: Path) -> None:
    counted = both_ways(tmp_path / "audit.log", recorded(f"versions/{file}"))
    at_ldap = {("ldap", "auth/ldap/"): 1}
    assert {family: counted[family] for family in (c.AUDIT_LOGINS, c.AUDIT_LOGIN_FAILURES)} == {
        c.AUDIT_LOGINS: at_ldap,
        c.AUDIT_LOGIN_FAILURES: at_ldap,
    }
    assert counted[c.AUDIT_TOKENS_CREATED] == {("service",): 2}
    assert sum(counted[c.AUDIT_ENTRIES].values()) == 8
    assert c.AUDIT_REJECTED not in counted


@pytest.mark.parametrize(
    ("path", "kind", "point", "type_"),
    [
        ("auth/userpass/login/bob", RequestKind.LOGIN, "auth/userpass/", "userpass"),
        ("auth/team/ldap/login/bob", RequestKind.LOGIN, "auth/team/ldap/", "unknown"),
        ("auth/okta/login", RequestKind.LOGIN, "auth/okta/", "okta"),
        ("auth/saml/callback", RequestKind.LOGIN, "auth/saml/", "unknown"),
        ("auth/corp/oidc/callback", RequestKind.LOGIN, "auth/corp/", "unknown"),
        ("auth/userpass/users/login", RequestKind.OTHER, "auth/userpass/", "userpass"),
        ("auth/token/create/login", RequestKind.TOKEN_CREATE, "auth/token/", "token"),
        ("auth/token", RequestKind.OTHER, "auth/token/", "token"),
        ("sys/leases/revoke-force/x", RequestKind.LEASE_REVOKE, "sys/", "system"),
        ("secret/login", RequestKind.OTHER, "secret/", "kv"),
        ("team/creds/app", RequestKind.OTHER, "team/", "unknown"),
        ("", RequestKind.OTHER, "/", "unknown"),
    ],
)
def test_the_mount_and_the_kind_that_a_path_suggests(path: str, kind: RequestKind, point: str, type_: str) -> None:
    assert guess_mount(path) == (point, type_)
    assert request_kind("", "", "update", path) is kind


def test_paths_that_callers_make_up_do_not_use_up_the_labels() -> None:
    current = [entry("response", 1, "secret/a", "read", request={"mount_type": "kv", "mount_point": "secret/"})]
    made_up = [entry("response", 2, f"m{number}/x", "read", auth=NOBODY, error=DENIED) for number in range(500)]
    assert values(fed([*current, *made_up]), c.AUDIT_ENTRIES) == {
        ("response", "read", "kv", "secret/"): 1,
        ("response", "read", "", ""): 500,
    }
    old = [entry("response", 3, "secret/a", "read"), *made_up, entry("response", 4, "pki/ca", "read")]
    pipeline = fed(old, PipelineSettings(limits=Limits(mounts=20)))
    counted = values(pipeline, c.AUDIT_ENTRIES)
    assert counted["response", "read", "kv", "secret/"] == counted["response", "read", "pki", "pki/"] == 1
    assert len(counted) <= 20 // 4 + 3
    assert sum(counted.values()) == len(old)


def test_a_mount_beyond_the_bound_is_still_seen_to_log_in() -> None:
    auth = [{"mount_type": "ldap", "mount_point": f"auth/ldap-{number}/"} for number in range(9)]
    lines = [
        entry("response", number, f"{mount['mount_point']}login/eve", auth=NOBODY, request=mount, error=DENIED)
        for number, mount in enumerate(auth)
    ]
    pipeline = fed(lines, PipelineSettings(limits=Limits(mounts=3)))
    assert sum(values(pipeline, c.AUDIT_LOGIN_FAILURES).values()) == len(lines)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("invalid_token", "missing client token"),
        ("invalid_token", DENIED),
        ("internal", "1 error occurred:\n\t* write tcp 192.0.2.4:41952->192.0.2.2:5432: write: broken pipe\n\n"),
        ("internal", "dial tcp 192.0.2.2:5432: connect: connection refused"),
        ("internal", "failed to connect: dial tcp: lookup db.example.net on 10.0.0.10:53: no such host"),
        ("internal", 'LDAP Result Code 200 "Network Error": read tcp 10.0.0.1:1->10.0.0.2:389: i/o timeout'),
        ("internal", 'Post "https://10.96.0.1/apis/authentication.k8s.io/v1/tokenreviews": EOF'),
        ("internal", "pq: sorry, too many clients already"),
        ("internal", "pq: the database system is in recovery mode"),
        ("internal", '1 error occurred:\n\t* pq: password authentication failed for user "vault"\n\n'),
        ("internal", "1 error occurred:\n\t* EOF\n\n"),
        ("internal", 'Get "https://10.96.0.1:443/api": x509: certificate signed by unknown authority'),
        ("internal", "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"),
        ("internal", "remote error: tls: internal error"),
        ("internal", "server selection error: server selection timeout, current topology: { Servers: [] }"),
        ("internal", "gocql: no hosts available in the pool"),
        ("internal", "ORA-12541: TNS:no listener"),
        ("internal", "Unexpected response code: 500 (No cluster leader)"),
        ("internal", 'LDAP Result Code 51 "Busy": '),
        ("internal", "Service Unavailable (503)"),
        ("other", "x509: malformed certificate"),
        ("other", "context canceled"),
        ("internal", "x" * 2000 + ": connection reset by peer"),
        ("invalid_request", "1 error occurred:\n\t* existing mount at ssh/\n\n"),
        ("invalid_request", "existing mount at auth/connection refused/"),
        ("invalid_path", 'no handler for route "broken pipe/x". route entry not found.'),
        ("other", 'the word is "permission denied" in quotes'),
    ],
)
def test_the_class_of_an_error(kind: str, error: str, tmp_path: Path) -> None:
    auth = {} if kind == "invalid_token" else {"auth": {"client_token": "hmac-sha256:a", "policies": ["default"]}}
    line = entry("response", 1, "database/creds/x", "read", **{"auth": NOBODY} | auth, error=error)
    counted = both_ways(tmp_path / "audit.log", [line])
    assert {labels[0]: count for labels, count in counted[c.AUDIT_ERRORS].items()} == {kind: 1}


def test_a_login_to_no_mount_is_a_login_failure(tmp_path: Path) -> None:
    at = {"mount_type": "kv", "mount_point": "secret/"}
    lines = [entry("response", 1, "secret/a", "read", request=at)]
    lines += [entry("response", 2, "auth/github/login", auth={}, error=DENIED)]
    lines += [entry("request", 3, "auth/jwt/login", auth={}), entry("response", 3, "auth/jwt/login", error=DENIED)]
    assert both_ways(tmp_path / "audit.log", lines)[c.AUDIT_LOGIN_FAILURES] == {("", ""): 2}


def test_entries_of_other_types_are_counted_in_a_bounded_label(tmp_path: Path) -> None:
    words = ["kmip-request", "kmip-response", *(f"type-{number}" for number in range(20))]
    sender = {"request": {"namespace": {"id": "root"}, "remote_address": "192.0.2.7"}}
    lines = [json.dumps({"time": "2026-05-20T13:49:00Z", "type": word} | sender).encode() + b"\n" for word in words]
    lines += [b'{"type":"two words","time":"2026-05-20T13:49:00Z"}\n', b'{"type":"audit"}\n']
    counted = both_ways(tmp_path / "audit.log", lines)
    types = {labels[0]: count for labels, count in counted[c.AUDIT_ENTRIES].items()}
    assert types.pop("other") == len(words) - 8
    assert types == dict.fromkeys(words[:8], 1)
    assert counted[c.AUDIT_OVERFLOW] == {("type",): len(words) - 8}
    rejected = {labels[1]: count for labels, count in counted[c.AUDIT_REJECTED].items()}
    assert rejected == {"not_an_entry": 2}


@pytest.mark.parametrize(
    ("label", "request_"),
    [
        ("mount", {"mount_point": "kv-{}/"}),
        ("mount_type", {"mount_type": "type-{}"}),
        ("namespace", {"namespace": {"id": "x", "path": "team-{}/"}}),
        ("operation", {"operation": "word-{}"}),
    ],
)
def test_values_beyond_the_bound_of_a_label_are_counted(label: str, request_: dict[str, Any]) -> None:
    bounds = {"mount": Limits(mounts=3), "mount_type": Limits(mount_types=3), "namespace": Limits(namespaces=3)}
    at = {"mount_type": "kv", "mount_point": "kv/"}
    values_ = [json.loads(json.dumps(at | request_).replace("{}", str(number))) for number in range(10)]
    # Each value comes twice: entries are counted, not values.
    lines = [entry("request", number, "kv/a", "read", request=value) for number, value in enumerate(values_ * 2)]
    pipeline = fed(lines, PipelineSettings(limits=bounds.get(label, Limits())))
    expected = {(label,): 20 if label == "operation" else 14}
    assert values(pipeline, c.AUDIT_OVERFLOW) == expected
    # As several processes count it.
    settings_ = PipelineSettings(limits=bounds.get(label, Limits()))
    merged = fed([], settings_)
    merged.merge(fed(lines, settings_))
    assert values(merged, c.AUDIT_OVERFLOW) == expected
    merged.merge(fed(lines, settings_))
    assert values(merged, c.AUDIT_OVERFLOW) == {labels: 2 * count for labels, count in expected.items()}
    assert sum(values(pipeline, c.AUDIT_ENTRIES).values()) == len(lines)


@pytest.mark.parametrize("first", [0, 1])
def test_the_class_of_a_mount_is_that_of_each_entry(first: int, tmp_path: Path) -> None:
    stated = {"mount_type": "kv", "mount_point": "secret/"}
    kinds = [stated, stated | {"mount_class": "secret"}]
    order = [kinds[first], kinds[1 - first], kinds[first]]
    lines = [entry(type_, 1, "a", request=mount) for mount in order for type_ in ("request", "response")]
    counted = both_ways(tmp_path / "audit.log", lines)[c.AUDIT_NAMESPACE_ENTRIES]
    by_class = {"": 2 if first == 0 else 1, "secret": 2 if first else 1}
    assert counted == {(kind, class_, ""): n for class_, n in by_class.items() for kind in ("request", "response")}


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    lines = [entry("request", 1, "secret/a"), b"\n", b"  \n", b"\r\n", entry("response", 1, "secret/a"), b"\n"]
    counted = both_ways(tmp_path / "audit.log", lines)
    assert sum(counted[c.AUDIT_ENTRIES].values()) == 2
    assert c.AUDIT_REJECTED not in counted
