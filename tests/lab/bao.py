"""The ``bao`` command, as an operator uses it: what it says is what the exporter is compared with."""

import json
import os
import subprocess
from typing import Any

from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import program


class Bao:
    """The command for one server and token."""

    def __init__(self, address: str, token: str) -> None:
        self.address = address
        self.token = token

    def __call__(self, *arguments: str, stdin: str | None = None) -> Any:
        """Run it, and return what it says: decoded where it is JSON, None where it is nothing or not JSON."""
        done = subprocess.run(
            [program("bao"), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=os.environ | {"BAO_ADDR": self.address, "BAO_TOKEN": self.token, "BAO_FORMAT": "json"},
        )
        assert done.returncode in {0, 2}, (arguments, done.stderr)  # 2: an empty list
        try:
            return json.loads(done.stdout)
        except ValueError:
            return None
