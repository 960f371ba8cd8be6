"""What inputs of audit entries are read as; what is wrong with them is in ``bad.py``."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from vault_exporter.checks import Flags, load
from vault_exporter.config.schema.inputs import Address, HttpInput, Scheme, SocketInput, StdinInput, SyslogInput, name

TEXT = """
audit:
  inputs:
    - type: socket
      listen: tcp://127.0.0.1:9411
      max_connections: 3
      max_waiting_bytes: 1MiB
      allow: [192.0.2.7, "fd00::/8"]
    - {type: socket, listen: "unix:///run/a.sock", mode: "600"}
    - {type: syslog, listen: "udp://[::1]:5514"}
    - {type: syslog, listen: "unixgram:///dev/log", mode: "0666"}
    - {type: http, token_file: token}
    - {type: stdin}
"""


def test_everything_that_can_be_set(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text(TEXT)
    inputs = load(path, Flags(), {}).audit.inputs
    assert inputs == (
        SocketInput(
            listen=Address(Scheme.TCP, "127.0.0.1", 9411),
            max_connections=3,
            max_waiting_bytes=1 << 20,
            allow=(IPv4Network("192.0.2.7"), IPv6Network("fd00::/8")),
        ),
        SocketInput(listen=Address(Scheme.UNIX, path="/run/a.sock"), mode=0o600),
        SyslogInput(listen=Address(Scheme.UDP, "::1", 5514)),
        SyslogInput(listen=Address(Scheme.UNIXGRAM, path="/dev/log"), mode=0o666),
        HttpInput(token_file=tmp_path / "token"),
        StdinInput(),
    )
    assert [name(given) for given in inputs] == [
        "tcp://127.0.0.1:9411",
        "unix:///run/a.sock",
        "syslog+udp://[::1]:5514",
        "syslog+unixgram:///dev/log",
        "http",
        "stdin",
    ]


def test_standard_input_on_the_command_line() -> None:
    audit = load(None, Flags(audit_logs=("-", "/a.log")), {}).audit
    assert (audit.inputs, audit.logs) == ((StdinInput(),), (Path("/a.log"),))
