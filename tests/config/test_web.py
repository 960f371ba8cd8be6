"""What the file of ``web_config_file`` is read as, and what is said where it is wrong."""

import re
import subprocess
import sys
from pathlib import Path

import bcrypt
import pytest

from tests.config.bad_web import CASES, HASH
from tests.config.files import make_files
from tests.lab.waiting import PATIENCE
from vault_exporter.checks import ConfigError, Flags, load, load_listen
from vault_exporter.config.schema.model import Secret
from vault_exporter.config.schema.web import ClientAuth, HttpServer, RequestLimit, TlsServer, TlsVersion, Web
from vault_exporter.web.config_file import load_web


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


def written(directory: Path, text: str) -> Path:
    path = directory / "web.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_wrong(files: Path, text: str, lines: list[str]) -> None:
    path = written(files, text)
    with pytest.raises(ConfigError) as caught:
        load_web(path)
    assert str(caught.value).replace(f"{files}/", "").splitlines() == lines
    assert "planted" not in str(caught.value)
    assert HASH[7:] not in str(caught.value)


def test_the_documented_command_makes_a_hash(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/configuration.md").read_text()
    (command,) = re.findall(r"^python3 (-c 'import bcrypt.*)$", text, re.MULTILINE)
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -W ignore {command}"],  # no terminal, so that it reads the standard input
        input="two words\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
        start_new_session=True,
    )
    made = done.stdout.splitlines()[-1]
    users = load_web(written(tmp_path, f'basic_auth_users:\n  prometheus: "{made}"\n')).basic_auth_users
    assert bcrypt.checkpw(b"two words", users["prometheus"].reveal().encode())


def test_everything_that_can_be_set(files: Path) -> None:
    path = written(
        files,
        f"""
tls_server_config:
  cert_file: client.pem
  key_file: {files}/client.key
  client_ca_file: ca.pem
  client_auth_type: RequireAndVerifyClientCert
  client_allowed_sans: [prometheus.example.com]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]
  prefer_server_cipher_suites: false
  curve_preferences: [CurveP256]
http_server_config:
  http2: false
  headers: {{Strict-Transport-Security: max-age=1}}
basic_auth_users:
  prometheus: "{HASH}"
rate_limit: {{interval: 100ms, burst: 20}}
""",
    )
    assert load_web(path) == Web(
        tls_server_config=TlsServer(
            cert_file=files / "client.pem",
            key_file=files / "client.key",
            client_ca_file=files / "ca.pem",
            client_auth_type=ClientAuth.REQUIRED,
            client_allowed_sans=("prometheus.example.com",),
            min_version=TlsVersion.TLS12,
            max_version=TlsVersion.TLS13,
            cipher_suites=("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256"),
            prefer_server_cipher_suites=False,
            curve_preferences=("CurveP256",),
        ),
        http_server_config=HttpServer(http2=False, headers={"Strict-Transport-Security": "max-age=1"}),
        basic_auth_users={"prometheus": Secret(HASH)},
        rate_limit=RequestLimit(interval=0.1, burst=20),
    )


def test_an_empty_file_lets_anybody_in(tmp_path: Path) -> None:
    web = load_web(written(tmp_path, "# nothing yet\nrate_limit: {interval: 0}\n"))
    assert web == Web()
    assert not web.knows_clients


def test_certificate_and_key_can_stand_in_the_file(files: Path) -> None:
    def indented(name: str) -> str:
        return (files / name).read_text().replace("\n", "\n    ")

    text = f"tls_server_config:\n  cert: |\n    {indented('client.pem')}\n  key: |\n    {indented('client.key')}\n"
    tls = load_web(written(files, text)).tls_server_config
    assert tls is not None
    assert tls.key == Secret((files / "client.key").read_text())
    assert "PRIVATE" not in repr(tls)


def test_its_mistakes_are_those_of_the_configuration(tmp_path: Path) -> None:
    web = written(tmp_path, "users: {}\n")
    config = tmp_path / "c.yml"
    config.write_text(f"web_config_file: {web}\nlisten: 1\n")
    with pytest.raises(ConfigError) as caught:
        load(config, Flags(), {"VAULT_ADDR": "http://v"})
    assert [line.split(": ")[0] for line in str(caught.value).splitlines()] == [f"{web}:1", f"{config}:2"]
    with pytest.raises(ConfigError, match=r"web\.yml:1: users: unknown key"):
        load_listen(None, Flags(web_config_file=str(web)))
