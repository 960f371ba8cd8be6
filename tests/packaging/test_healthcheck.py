"""The command for a container's health check, in front of what is no exporter."""

import subprocess
from contextlib import ExitStack

import pytest

from tests.lab import faulty
from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import free_port, program


@pytest.mark.parametrize(
    ("behaviour", "said"),
    [
        (faulty.garbage, "not with HTTP"),
        (faulty.silent, "not in time"),
        (faulty.resets, "Connection reset by peer"),
        (None, "Connection refused"),
    ],
)
def test_it_says_what_is_wrong_within_its_time(behaviour: faulty.Behaviour | None, said: str) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(faulty.listening(behaviour)) if behaviour else free_port()
        done = subprocess.run(
            [program("vault-exporter"), "healthcheck", "--listen", f":{port}"],
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    assert done.returncode == 1
    assert done.stderr.startswith(f"vault-exporter does not answer on :{port}: ")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr
