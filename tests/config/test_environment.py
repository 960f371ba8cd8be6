"""The variables of the ``vault`` and ``bao`` commands: each is obeyed, or named as not supported."""

from pathlib import Path

import pytest
import trustme

from vault_exporter.checks import Flags, load
from vault_exporter.config.load import environment_notices
from vault_exporter.config.parse.problems import ConfigError
from vault_exporter.config.schema.model import RateLimit, Secret, Target, Tls, TokenAuth

ADDRESS = {"VAULT_ADDR": "https://v:8200"}


def the_target(**environ: str) -> Target:
    (one,) = load(None, Flags(), ADDRESS | environ).targets
    return one


def test_what_is_obeyed(tmp_path: Path) -> None:
    one = the_target(
        VAULT_CLIENT_TIMEOUT="30",
        VAULT_HTTP_PROXY="http://a:1",
        VAULT_PROXY_ADDR="http://b:2",
        BAO_RATE_LIMIT="10:20",
        BAO_TOKEN_PATH=str(tmp_path),
        VAULT_TOKEN="hvs.x",
    )
    assert (one.timeout, one.rate_limit) == (30, RateLimit(10, 20))
    assert one.proxy == Secret("http://b:2")
    assert one.auth == TokenAuth(token=Secret("hvs.x"))


def test_a_file_of_the_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hvs.x")
    assert the_target(BAO_TOKEN_PATH=str(file)).auth == TokenAuth(token_file=file)


@pytest.mark.parametrize(("text", "seconds"), [("7", 7), ("7s", 7), ("1m30s", 90), ("500ms", 0.5)])
def test_the_timeout(text: str, seconds: float) -> None:
    assert the_target(VAULT_CLIENT_TIMEOUT=text).timeout == seconds


@pytest.mark.parametrize(
    ("text", "limit"), [("10", RateLimit(10, 10)), ("0.5", RateLimit(0.5, 1)), ("2.5:7", RateLimit(2.5, 7))]
)
def test_the_rate_limit(text: str, limit: RateLimit) -> None:
    assert the_target(VAULT_RATE_LIMIT=text).rate_limit == limit


def test_whom_to_trust(tmp_path: Path) -> None:
    pem, file = trustme.CA().cert_pem.bytes().decode(), tmp_path / "ca.pem"
    file.write_text(pem)
    directory = str(tmp_path)
    assert the_target(VAULT_CACERT_BYTES=pem).tls == Tls(ca_cert_bytes=pem)
    # As Vault's client: the first of these that is set.
    assert the_target(VAULT_CACERT=str(file), VAULT_CACERT_BYTES=pem, VAULT_CAPATH=directory).tls == Tls(ca_cert=file)
    assert the_target(VAULT_CACERT_BYTES=pem, VAULT_CAPATH=directory).tls == Tls(ca_cert_bytes=pem)
    assert the_target(VAULT_CAPATH=directory).tls == Tls(ca_path=tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("VAULT_CACERT_BYTES", "planted", "not a certificate in PEM format"),
        (
            "VAULT_CACERT_BYTES",
            "-----BEGIN CERTIFICATE-----\nplanted\n-----END CERTIFICATE-----\n",
            "not a certificate in PEM format",
        ),
        (
            "VAULT_PROXY_ADDR",
            "socks5://planted:1",
            (
                "not an http:// or https:// URL; other proxies are not supported; write it like "
                "http://proxy.example.com:3128"
            ),
        ),
        (
            "VAULT_RATE_LIMIT",
            "fast",
            "not a rate; write requests a second, and after a colon how many at once, like 10 or 10:20",
        ),
        ("VAULT_CLIENT_TIMEOUT", "soon", "not a duration; write it with a unit, like 500ms, 5s, 1m30s"),
        *(("VAULT_TLS_SERVER_NAME", name, "not a host name") for name in ("ä" * 64, "a..b", "a" * 64, ".")),
    ],
)
def test_what_is_wrong(variable: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        the_target(**{variable: value})
    (one,) = caught.value.problems
    assert one.message == problem
    assert "planted" not in str(one)


def test_what_is_not_supported_is_named(tmp_path: Path) -> None:
    def named(**environ: str) -> list[str]:
        return [notice.split()[0] for notice in environment_notices(None, ADDRESS | environ)]

    every = ("AGENT_ADDR", "CLIENT_CERT_BYTES", "CLIENT_KEY_BYTES", "DISABLE_REDIRECTS", "HEADERS", "MAX_RETRIES")
    for prefix in ("VAULT_", "BAO_"):
        for variable in (*every, "MFA", "SRV_LOOKUP", "WRAP_TTL"):
            assert named(**{prefix + variable: "x"}) == [prefix + variable]
    assert named(VAULT_DISABLE_REDIRECTS="true", VAULT_MAX_RETRIES="0", VAULT_SRV_LOOKUP="false") == []
    assert named(HTTPS_PROXY="http://p", http_proxy="http://p") == ["HTTPS_PROXY", "http_proxy"]
    assert named(HTTPS_PROXY="http://p", VAULT_PROXY_ADDR="http://q") == []
    assert named() == []
    file = tmp_path / "c.yml"
    file.write_text("targets: [{name: n1, address: 'http://v'}]\n")
    assert environment_notices(file, {"VAULT_HEADERS": "x"}) == ()
    file.write_text("telemetry: {enabled: false}\n")
    assert len(environment_notices(file, {"VAULT_HEADERS": "x"})) == 1
