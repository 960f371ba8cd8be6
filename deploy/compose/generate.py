"""Write what the exporter prints for this stack: the policy of its token, and the rules with links that lead here.

Run: ``python -m deploy.compose.generate``.
"""

import re
import subprocess
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["printed"]

FOLDER: Final = Path(__file__).parent
_LINKS: Final = ("runbook_url=http://localhost:9410/runbooks/{name}", "dashboard_url=http://localhost:3000")


def printed() -> dict[str, str]:
    """Return the text of each generated file, by its path in this folder."""
    links = [part for link in _LINKS for part in ("--set", link)]
    with tempfile.TemporaryDirectory() as folder:
        # The directories of the containers are not on this machine.
        config = Path(folder, "vault-exporter.yml")
        config.write_text(re.sub("/(run|var/lib)/vault-exporter", folder, (FOLDER / config.name).read_text()))
        return {
            "openbao/policy.hcl": _output("policy", config),
            "prometheus/vault.yml": _output("rules", config, *links),
        }


def _output(command: str, config: Path, *arguments: str) -> str:
    program = Path(sysconfig.get_path("scripts"), "vault-exporter")
    line = [str(program), command, f"--config={config}", *arguments]
    return subprocess.run(line, check=True, capture_output=True, text=True).stdout  # noqa: S603 - ours


if __name__ == "__main__":
    for path, text in printed().items():
        (FOLDER / path).write_text(text)
