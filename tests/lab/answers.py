"""Answers of nodes that cannot be run here; ``tests/data/answers/README.md`` says which are recorded."""

import json
from pathlib import Path
from typing import Any, Final

DIRECTORY: Final = Path(__file__).parents[1] / "data" / "answers"
UNSUPPORTED: Final = {"status": 404, "body": {"errors": ["1 error occurred:\n\t* unsupported path\n\n"]}}
"""What a node answers for a path that it does not have."""


def answers(name: str) -> dict[str, tuple[int, str]]:
    """Path below ``/v1/``, without query → status and body."""
    return {path: (answer["status"], json.dumps(answer["body"])) for path, answer in _stored(name).items()}


def _stored(name: str) -> dict[str, Any]:
    """Read a file, with the answers of the file that it is ``like``."""
    found: dict[str, Any] = json.loads((DIRECTORY / f"{name}.json").read_text())
    if "like" not in found:
        return found
    base = _stored(found.pop("like"))
    version = found.pop("version")
    absent = dict.fromkeys(found.pop("absent", ()), UNSUPPORTED)
    text = json.dumps(base | found | absent)
    renamed: dict[str, Any] = json.loads(text.replace(base["sys/health"]["body"]["version"], version))
    return renamed
