"""One file for all exporters of a machine: what exporter-toolkit takes, and what we take."""

import subprocess
from pathlib import Path

import pytest

from tests.config.files import make_files
from tests.web.toolkit import CASES, Case
from vault_exporter.config.parse.problems import ConfigError
from vault_exporter.web.config_file import load_web

NEWER = ("rate_limit", "client_allowed_sans")
"""Keys that promtool of Debian 12 does not know."""
KNOWN = [case for case in CASES if not any(key in case.text for key in NEWER)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_files(tmp_path_factory.mktemp("files"))


@pytest.mark.parametrize("case", CASES, ids=[case.what for case in CASES])
def test_our_verdict(files: Path, case: Case) -> None:
    path = files / "web.yml"
    path.write_text(case.text)
    message = None
    try:
        load_web(path)
    except ConfigError as error:
        message = str(error)
    if case.error is None:
        assert message is None
    else:
        assert message is not None
        assert message.endswith(case.error)
    differs = case.toolkit_takes_it != (case.error is None)
    assert differs == bool(case.reason)


@pytest.mark.parametrize("case", KNOWN, ids=[case.what for case in KNOWN])
def test_the_toolkits_verdict(files: Path, case: Case) -> None:
    path = files / "toolkit.yml"
    path.write_text(case.text)
    checked = subprocess.run(["promtool", "check", "web-config", path], capture_output=True, text=True, check=False)
    assert (checked.returncode == 0) == case.toolkit_takes_it, checked.stderr
