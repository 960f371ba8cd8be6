"""``scripts/fetch_helm.py`` on the command line."""

import subprocess
import sys


def test_without_arguments_it_says_how_to_use_it() -> None:
    done = subprocess.run([sys.executable, "scripts/fetch_helm.py"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("usage: fetch_helm.py")
    assert "Traceback" not in done.stderr
