"""Vault's own words, as they are shown."""

import json

import pytest

from vault_exporter.vault.words import error_messages, quote, secrets_of

TOKENS = (
    "hvs.CAESIJ3kd9dkd93kd0sl2ksl3kd0-dkd93kd",
    "hvb.AAAAAQJxyz_-abc123",
    "hvr.x",
    "s.abcdefghijklmnopqrstuvwx",
    "b.AAAAAQKtoken123abcdef",
    "9e5a7c0e-3c3b-1f2d-9f4a-0123456789ab",
    "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",
    "AKIAIOSFODNN7EXAMPLE",
    "bmIsPsOxKvHyWyPzWdCHqTgq",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "0123456789abcdef0123456789abcdef",
)


@pytest.mark.parametrize(
    "message",
    [
        "permission denied",
        "service account name not authorized",
        "invalid audience (aud) claim: audience claim does not match any expected audience",
        'no handler for route "auth/kubernetes/login". route entry not found.',
        "could not load backend configuration",
        "dial tcp 10.0.0.12:5432: connect: connection refused",
        "lookup vault-0.vault-internal.vault.svc.cluster.local: no such host",
        'invalid role name "exporter-prod-eu-west-1"',
        "pod vault-7d9f8b6c5d-x2x4z is gone",
        "error validating token: invalid token",
        "Access denied for user 'vault'@'10.0.0.1' (using password: YES)",
        "read tcp 10.0.0.1:41952->10.0.0.2:5432: read: connection reset by peer",
        "server selection error: current topology: { Type: ReplicaSetNoPrimary, Servers: [{ Addr: mongo:27017 }] }",
        "mail vault@example.com at 10:30",
    ],
)
def test_what_helps_stays(message: str) -> None:
    assert quote([message]) == message


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("text", ["bad token {}", "'{}' is wrong", "a={}", "({})", "/auth/{}/x", "{}"])
def test_what_looks_like_a_token_goes(token: str, text: str) -> None:
    said = quote([text.format(token)])
    assert token not in said
    assert "[…]" in said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("1 error occurred:\n\t* permission denied\n\n", "permission denied"),
        ("2 errors occurred:\n\t* a\n\t* b\n", "a b"),
        ("postgres://vault:hunter2@db:5432/vault", "postgres://[…]db:5432/vault"),
        ("postgres://vault:p/w@rd@db:5432/vault", "postgres://[…]db:5432/vault"),
        ("host=db password=hunter user=vault", "host=db […] user=vault"),
        ("host=db password='two words' user=vault", "host=db […] user=vault"),
        ("sqlserver: server=db;pwd=x", "sqlserver: server=db;[…]"),
        ("AccountKey=abc rejected", "[…] rejected"),
        ("vault:hunter@tcp(db:3306)/vault: connection refused", "[…]tcp(db:3306)/vault: connection refused"),
        ("ping failed: (vault:hunter@tcp(db:3306)/)", "ping failed: ([…]tcp(db:3306)/)"),
        ("Authorization: Bearer abc is wrong", "Authorization: […] is wrong"),
        ('{"token": "a1"}', '{"[…]'),
        ("\x1b[31mred\x00\x07\u202e", "?[31mred???"),
        ("a\nb\tc\r\n\x0b d", "a b c d"),
        ("", ""),
        ("x" * 10_000, "x" * 199 + "…"),
    ],
)
def test_one_short_line(message: str, said: str) -> None:
    assert quote([message]) == said


def test_several_messages() -> None:
    assert quote(["a", "", "b"]) == "a; b"
    assert len(quote(["a" * 150] * 1000)) == 200


def test_what_was_sent_does_not_come_back() -> None:
    body = {"role": "exporter", "password": "two words", "data": {"value": "planted"}, "ttl": 5}
    secrets = secrets_of({"X-Vault-Token": "plain"}, body)
    message = 'role "exporter": two words, planted and plain are wrong'
    assert quote([message], secrets) == 'role "exporter": […], […] and […] are wrong'


@pytest.mark.parametrize(
    ("body", "messages"),
    [
        ({"errors": ["a"]}, ("a",)),
        ({"errors": [], "data": 1}, ()),
        ({"errors": "a"}, None),
        ({"errors": [1]}, None),
        ({"message": "no healthy upstream"}, None),
        (["errors"], None),
    ],
)
def test_what_vault_writes(body: object, messages: tuple[str, ...] | None) -> None:
    assert error_messages(json.dumps(body).encode()) == messages
    assert error_messages(b"<html>502 Bad Gateway</html>") is None
    assert error_messages(b"") is None
