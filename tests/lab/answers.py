"""Answers of nodes that cannot be run here; ``tests/data/answers/README.md`` says which are recorded."""

import json
from pathlib import Path

DIRECTORY = Path(__file__).parents[1] / "data" / "answers"


def answers(name: str) -> dict[str, tuple[int, str]]:
    """Path below ``/v1/``, without query → status and body."""
    stored = json.loads((DIRECTORY / f"{name}.json").read_text())
    return {path: (answer["status"], json.dumps(answer["body"])) for path, answer in stored.items()}
