"""The versions of a program that tests can be run with: the installed one, and those that `make tools` fetched."""

import shutil
from pathlib import Path
from typing import Final

__all__ = ["FETCHED", "versions"]

FETCHED: Final = Path(__file__).parents[2] / "build" / "tools"
"""A folder a suite of Debian."""


def versions(name: str) -> dict[str, str]:
    """Return where a program is, by the suite that it is from; ``installed`` is the one on PATH."""
    found = {"installed": installed} if (installed := shutil.which(name)) else {}
    return found | {path.parents[2].name: str(path) for path in sorted(FETCHED.glob(f"*/usr/bin/{name}"))}
