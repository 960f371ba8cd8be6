"""What the settings are read as, and what is said where they are wrong."""

import os
import string
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.config.bad import CASES
from tests.config.files import make_files
from tests.lab.waiting import PATIENCE
from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.config.schema.model import (
    Audit,
    Config,
    Listen,
    NoAuth,
    NodeSettings,
    Secret,
    Target,
    Telemetry,
    Tls,
    TokenAuth,
)
from vault_exporter.demo.process import program


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


def written(directory: Path, text: str) -> Path:
    path = directory / "c.yml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(("text", "lines"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_wrong(files: Path, tmp_path: Path, text: str, lines: list[str]) -> None:
    path = written(tmp_path, text.replace("@", str(files)) if "'@" in text else text)
    with pytest.raises(ConfigError) as caught:
        load(path, Flags(), {})
    said = str(caught.value).replace(str(path), path.name)
    assert said.splitlines() == [line.replace("@", str(files)) for line in lines]
    assert "planted" not in str(caught.value)
    assert "planted" not in repr(caught.value)


def test_paths_that_no_file_can_have(tmp_path: Path) -> None:
    name = "n" * 300
    path = written(
        tmp_path,
        f"targets: [{{name: n1, address: 'https://v', tls: {{ca_path: {name}}}, "
        f"auth: {{method: token, token_file: {name}}}}}]\naudit: {{logs: [{name}]}}\n",
    )
    with pytest.raises(ConfigError) as caught:
        load(path, Flags(), {})
    assert str(caught.value).splitlines() == [
        f"{path}:1: targets[0].tls.ca_path: not a directory",
        f"{path}:1: targets[0].auth.token_file: {tmp_path}/{name} cannot be read: File name too long",
    ]


def test_unreadable_files(tmp_path: Path) -> None:
    def error(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            load(path, Flags(), {})
        return str(caught.value)

    assert error(tmp_path / "none.yml") == f"{tmp_path}/none.yml: cannot be read: No such file or directory"
    assert error(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"
    (tmp_path / "latin.yml").write_bytes(b"listen: ':1'\ncluster: \xe4\n")
    assert error(tmp_path / "latin.yml") == f"{tmp_path}/latin.yml:2: the file is not UTF-8; save it as UTF-8"
    (tmp_path / "large.yml").write_bytes(b"#" * (5 << 20))
    assert error(tmp_path / "large.yml") == f"{tmp_path}/large.yml: cannot be read: larger than 1 MiB"
    (tmp_path / "deep.yml").write_text("[" * 3000)
    assert error(tmp_path / "deep.yml") == (
        f"{tmp_path}/deep.yml:1: invalid YAML at column 1001: exceeded maximum nesting depth"
    )
    aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)
    )
    (tmp_path / "bomb.yml").write_text(aliases)
    assert error(tmp_path / "bomb.yml").endswith("more than 20000 values; are there aliases that multiply?")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: " + "[" * 40 + "]" * 40, "c.yml:1: nested too deeply"),
        ("".join(" " * depth + "a:\n" for depth in range(1000)), "c.yml:33: nested too deeply"),
        ("- a\n" * 200_000, "c.yml:40000: more than 40000 keys and values"),
        ("[" + "a: b, " * 150_000 + "]", "c.yml:1: more than 40000 keys and values"),
        ("a: 1" + ":10" * 300_000, "c.yml:1: a: not a plain value; quote it if it is meant as text"),
        ("a: 1" + ":10" * 300_000 + ".5", "c.yml:1: a: not a plain value; quote it if it is meant as text"),
        ("".join(f"%TAG !a{number}! x\n" for number in range(50_000)), "c.yml:1: more than 100 times %TAG"),
    ],
    ids=["flow", "block", "list", "pairs", "integer in base 60", "number in base 60", "directives"],
)
def test_a_file_that_would_take_long_to_read(tmp_path: Path, text: str, problem: str) -> None:
    """PyYAML takes 7 s to hours for these."""
    (tmp_path / "c.yml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "c.yml", Flags(), {})
    assert problem in str(caught.value)


def test_everything_that_can_be_set(files: Path, tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""
listen: "127.0.0.1:9999"
defaults:
  cluster: prod
  namespace: ops
  timeout: 3s
  max_response_bytes: 1MiB
  tls: {{ca_cert: {files}/ca.pem, server_name: vault}}
  auth: {{method: token, token_file: {files}/text}}
targets:
  - {{name: n1, address: https://n1:8200/}}
  - name: n2
    address: https://n2:8200/vault
    cluster: other
    timeout: 1m1s500ms
    tls: {{client_cert: {files}/client.pem, client_key: {files}/client.key, insecure_skip_verify: true}}
    auth: {{method: none}}
  - {{name: n3, address: "https://n3", auth: {{method: token, token: hvs.x}}}}
telemetry: {{enabled: false, drop: [], max_tracked_series: 7}}
audit: {{logs: [/vault/audit/audit.log], from_start: true, max_line_bytes: 2MiB, max_mounts: 3}}
""",
    )
    shared: dict[str, Any] = {"cluster": "prod", "namespace": "ops", "timeout": 3.0, "max_response_bytes": 1 << 20}
    trust = Tls(ca_cert=files / "ca.pem", server_name="vault")
    pair: dict[str, Any] = {"client_cert": files / "client.pem", "client_key": files / "client.key"}
    assert load(path, Flags(), {"VAULT_ADDR": "http://elsewhere"}) == Config(
        listen=Listen("127.0.0.1", 9999),
        defaults=NodeSettings(tls=trust, auth=TokenAuth(token_file=files / "text"), **shared),
        targets=(
            Target("n1", "https://n1:8200", tls=trust, auth=TokenAuth(token_file=files / "text"), **shared),
            Target(
                "n2",
                "https://n2:8200/vault",
                tls=Tls(ca_cert=files / "ca.pem", server_name="vault", insecure_skip_verify=True, **pair),
                auth=NoAuth(),
                **shared | {"cluster": "other", "timeout": 61.5},
            ),
            Target("n3", "https://n3", tls=trust, auth=TokenAuth(token=Secret("hvs.x")), **shared),
        ),
        telemetry=Telemetry(enabled=False, drop=(), max_tracked_series=7),
        audit=Audit(logs=(Path("/vault/audit/audit.log"),), from_start=True, max_line_bytes=2 << 20, max_mounts=3),
    )


def test_without_a_file_the_environment_names_the_target(files: Path) -> None:
    config = load(
        None,
        Flags(audit_logs=("/a.log",), listen=":1"),
        {
            "VAULT_ADDR": "https://v:8200/",
            "VAULT_TOKEN": "hvs.x",
            "VAULT_NAMESPACE": "ops",
            "VAULT_CACERT": f"{files}/ca.pem",
            "VAULT_CAPATH": "",
            "VAULT_SKIP_VERIFY": "T",
            "VAULT_TLS_SERVER_NAME": "vault",
        },
    )
    assert config == Config(
        listen=Listen("", 1),
        targets=(
            Target(
                "v:8200",
                "https://v:8200",
                namespace="ops",
                tls=Tls(ca_cert=files / "ca.pem", insecure_skip_verify=True, server_name="vault"),
                auth=TokenAuth(token=Secret("hvs.x")),
            ),
        ),
        audit=Audit(logs=(Path("/a.log"),)),
    )


def test_bao_comes_before_vault_and_a_flag_before_both(files: Path) -> None:
    environment = {"VAULT_ADDR": "http://vault", "BAO_ADDR": "http://bao", "BAO_TOKEN": "s.b", "VAULT_TOKEN": "hvs.v"}
    assert load(None, Flags(), environment).targets == (
        Target("bao", "http://bao", auth=TokenAuth(token=Secret("s.b"))),
    )
    flags = Flags(address="http://[::1]:8200", token_file=f"{files}/later", namespace="n")
    assert load(None, flags, environment).targets == (
        Target("[::1]:8200", "http://[::1]:8200", namespace="n", auth=TokenAuth(token_file=files / "later")),
    )


def test_a_file_without_targets_leaves_them_to_the_environment(tmp_path: Path) -> None:
    path = written(tmp_path, "defaults: {timeout: 2s}\naudit: {logs: [/a.log]}\n")
    flags = Flags(audit_logs=("/b.log",), audit_from_start=True, audit_checkpoint=f"{tmp_path}/place")
    config = load(path, flags, {"VAULT_ADDR": "http://v"})
    assert config.targets == (Target("v", "http://v", timeout=2.0),)
    logs = (Path("/a.log"), Path("/b.log"))
    assert config.audit == Audit(logs=logs, from_start=True, checkpoint=tmp_path / "place")


def test_the_flag_for_the_checkpoint_comes_before_the_file_and_errors_name_it(tmp_path: Path) -> None:
    path = written(tmp_path, f"audit: {{logs: [/a.log], checkpoint: {tmp_path}/one}}\n")
    flags = Flags(address="http://v", audit_checkpoint=f"{tmp_path}/two")
    assert load(path, flags, {}).audit.checkpoint == tmp_path / "two"
    with pytest.raises(ConfigError, match=r"^--audit-checkpoint: there is no directory /nowhere$"):
        load(path, Flags(address="http://v", audit_checkpoint="/nowhere/place"), {})


@pytest.mark.parametrize(
    ("flags", "environment", "lines"),
    [
        (Flags(address=""), {}, ["--address: empty, or with characters that cannot be printed"]),
        (
            Flags(),
            {"VAULT_ADDR": "v"},
            ["environment: VAULT_ADDR: not an http:// or https:// URL; write it like https://vault.example.com:8200"],
        ),
        (
            Flags(),
            {"VAULT_ADDR": "http://v", "VAULT_SKIP_VERIFY": "maybe"},
            ["environment: VAULT_SKIP_VERIFY: must be true or false, not text"],
        ),
        (
            Flags(),
            {"BAO_ADDR": "https://v", "BAO_CACERT": "/none/ca"},
            ["environment: BAO_CACERT: /none/ca cannot be read: No such file or directory"],
        ),
        (
            Flags(),
            {"VAULT_ADDR": "http://v", "VAULT_TOKEN": "planted token"},
            [
                (
                    "environment: VAULT_TOKEN: not a token: it is empty, or has characters that a token does not have, "
                    "such as spaces"
                )
            ],
        ),
        (
            Flags(token_file="/t"),
            {},
            ["--token-file: is for one target, but there is none; set VAULT_ADDR or --address"],
        ),
        (
            Flags(listen="x:y", address="http://v"),
            {},
            ["--web.listen-address: not an address; write it like :9410, 127.0.0.1:9410, or [::1]:9410"],
        ),
        (Flags(audit_logs=("/a", "/a")), {}, ["--audit-log: /a is listed twice"]),
    ],
)
def test_wrong_flags_and_variables(flags: Flags, environment: dict[str, str], lines: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, flags, environment)
    assert str(caught.value).splitlines() == lines


def test_flags_of_one_target_with_a_file_of_targets(tmp_path: Path) -> None:
    path = written(tmp_path, "targets: [{name: a, address: 'http://a'}]\n")
    with pytest.raises(ConfigError) as caught:
        load(path, Flags(address="http://b", token_file="/t", namespace="n"), {})
    remedy = "the file says what the targets are; leave the flag out, or write it in the file"
    assert str(caught.value).splitlines() == [
        f"--address: {remedy}",
        f"--token-file: {remedy}",
        f"--namespace: {remedy}",
    ]


_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(string.printable), st.dates())
_KEYS = st.sampled_from(
    [
        "listen",
        "defaults",
        "targets",
        "telemetry",
        "audit",
        "name",
        "address",
        "auth",
        "method",
        "token",
        "token_file",
        "tls",
        "ca_cert",
        "timeout",
        "logs",
        "x",
    ]
)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_KEYS, inner, max_size=6))
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(tree=_TREES)
def test_any_yaml_is_read_or_refused_with_a_place(tmp_path: Path, tree: object) -> None:
    path = written(tmp_path, yaml.safe_dump(tree))
    try:
        config = load(path, Flags(), {})
    except ConfigError as error:
        assert all(problem.place.startswith(str(path)) and problem.message for problem in error.problems)  # noqa: PT017
    else:
        assert config.targets or config.audit.logs or config.audit.inputs


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"} | environment
    return subprocess.run(
        [program("vault-exporter"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=clean,
        timeout=PATIENCE,
    )


def test_check_says_what_is_good(tmp_path: Path) -> None:
    path = written(tmp_path, "targets: [{name: a, address: 'http://a'}, {name: b, address: 'http://b'}]\n")
    done = run("check", "--config", path, "--audit-log", "/a.log", "--audit-log", "-")
    assert (done.returncode, done.stdout, done.stderr) == (
        0,
        (
            "The configuration is good: listen on :9410, targets: a, b, audit logs: /a.log, stdin.\n"
            "warning: audit log /a.log: there is no such file; the exporter waits for it. Is Vault's audit device "
            "enabled with this path?\n"
        ),
        "",
    )


def without_all_files() -> list[str]:
    """The words before a command that take the superuser's right to read every file away."""
    rights = "-dac_override,-dac_read_search"
    return ["setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}"] if os.geteuid() == 0 else []


@pytest.mark.parametrize(("command", "status"), [("check", 1), ("status", 3)])
def test_a_configuration_that_cannot_be_read_is_as_one_that_is_not_there(
    tmp_path: Path, command: str, status: int
) -> None:
    shut = tmp_path / "shut.yml"
    shut.touch(mode=0)
    said = f"{shut}: cannot be read by user {os.geteuid()}: Permission denied\n"
    words: list[str | Path] = [*without_all_files(), program("vault-exporter"), command, "--config", shut]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", said)


def test_whether_an_audit_log_can_be_read_is_said_where_it_is_asked_for(tmp_path: Path) -> None:
    shut, missing, pattern = tmp_path / "shut.log", tmp_path / "missing.log", tmp_path / "o*.log"
    (tmp_path / "open.log").touch()
    shut.touch(mode=0)
    limited = without_all_files()
    logs = [word for log in (shut, missing, pattern) for word in ("--audit-log", log)]
    command = [*limited, program("vault-exporter"), "check", *logs]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    good = f"The configuration is good: listen on :9410, targets: none, audit logs: {shut}, {missing}, {pattern}.\n"
    shut_said = (
        f"audit log {shut}: cannot be read by user {os.geteuid()}: Permission denied; the exporter waits for it. Run "
        "serve as a user that may read it, such as Vault's.\n"
    )
    missing_said = (
        f"audit log {missing}: there is no such file; the exporter waits for it. Is Vault's audit device enabled with "
        "this path?\n"
    )
    warnings = f"warning: {shut_said}warning: {missing_said}"
    assert (done.returncode, done.stdout, done.stderr) == (0, good + warnings, "")
    done = subprocess.run([*command, "--online"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout.removeprefix(good), done.stderr) == (
        1,
        (f"{shut_said}{missing_said}audit log {tmp_path}/open.log: can be read\nResult: 2 checks failed; see above.\n"),
        "",
    )


def test_check_warns_of_files_that_are_not_there_yet(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"""
targets:
  - {{name: a, address: 'http://a', auth: {{method: token, token_file: {tmp_path}/token}}}}
  - {{name: b, address: 'http://b', auth: {{method: token, token_file: {tmp_path}/token}}}}
  - {{name: c, address: 'http://c', auth: {{method: kubernetes, role: r, token_file: {tmp_path}/there}}}}
discovery:
  - {{type: file, path: {tmp_path}/t.yml, auth: {{method: userpass, username: u, password_file: {tmp_path}/password}}}}
audit:
  logs: ['{tmp_path}/*.audit']
  inputs: [{{type: http, token_file: {tmp_path}/audit-token}}]
backup: [{{name: daily, files: '{tmp_path}/*.snap'}}]
""",
    )
    (tmp_path / "there").write_text("eyJ")
    done = run("check", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")
    absent, until, listed = "there is no such file", "Until then,", f"file {tmp_path}/t.yml"
    write = "write the credential into it"
    assert done.stdout.splitlines()[1:] == [
        f"warning: {tmp_path}/token: {absent}; {write}. Until then, no login for a, b.",
        f"warning: {tmp_path}/password: {absent}; {write}. {until} no login for {listed}.",
        f"warning: {tmp_path}/audit-token: {absent}; write the token into it. {until} the input http accepts nothing.",
        f"warning: {tmp_path}/t.yml: {absent}; it is looked for again. {until} {listed} finds no targets.",
        f"warning: {tmp_path}/*.snap: {absent}; it is looked for again. Until then, backup daily has no time.",
        f"warning: audit log {tmp_path}/*.audit: no file matches; the exporter waits for one",
    ]


def test_check_refuses_a_credential_that_is_empty(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("\n")
    path = written(
        tmp_path,
        """
targets:
  - {name: a, address: 'http://a', auth: {method: token, token_file: empty}}
  - {name: b, address: 'http://b', auth: {method: approle, role_id: r, secret_id_file: empty}}
audit:
  inputs: [{type: http, token_file: empty}]
""",
    )
    done = run("check", "--config", path)
    assert (done.returncode, done.stdout) == (1, "")
    said = f"{tmp_path}/empty: the file is empty; write the"
    assert done.stderr.splitlines() == [
        f"{said} credential into it. Until then, no login for a, b.",
        f"{said} token into it. Until then, the input http accepts nothing.",
    ]
    done = run("check", "--token-file", tmp_path / "empty", VAULT_ADDR="http://a")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(said)


def test_a_ca_file_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    path = written(tmp_path, "targets: [{name: a, address: 'https://a', tls: {ca_cert: /nonexistent/ca.pem}}]\n")
    done = run("check", "--config", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"{path}:1: targets[0].tls.ca_cert: /nonexistent/ca.pem cannot be read: No such file or directory\n"
    )


@pytest.mark.parametrize(("command", "status"), [("check", 1), ("serve", 3), ("status", 3), ("policy", 3)])
def test_a_bad_configuration_ends_the_command_with_every_error(tmp_path: Path, command: str, status: int) -> None:
    path = written(tmp_path, "targets:\n  - {name: a, address: 'http://u:planted@a'}\n  - {name: b}\n")
    done = run(command, VAULT_EXPORTER_CONFIG=str(path), VAULT_TOKEN="planted")
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr == (
        f"{path}:2: targets[0].address: has a user name or password in it; remove them, and use auth\n"
        f"{path}:3: targets[1]: address is missing\n"
    )
