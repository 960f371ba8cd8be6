"""hvac without requests, which is there again for whoever needs it."""

import subprocess
import sys

from tests.lab.waiting import PATIENCE

SCRIPT = """
import sys
from vault_exporter.vault.auth import light_hvac, methods
print(sorted({name.partition(".")[0] for name in sys.modules} & {"hvac", "requests", "urllib3"}))
from hvac import adapters, aws_utils
print(aws_utils.generate_sigv4_auth_request("vault.example").url)
import requests, requests.exceptions
print(adapters.requests.Session is requests.Session, adapters.requests.exceptions is requests.exceptions)
"""


def run(script: str) -> list[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout.splitlines()


def test_requests_is_imported_for_the_signature_of_aws() -> None:
    assert run(SCRIPT) == ["['hvac']", "https://sts.amazonaws.com/", "True True"]


def test_requests_that_is_there_already_stays() -> None:
    script = f"import requests\nmine = requests\n{SCRIPT}\nprint(requests is mine, adapters.requests is mine)"
    assert run(script)[-1] == "True True"
