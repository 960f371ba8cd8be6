"""Stands in for ``kubectl apply -f -`` where there is no cluster: it refuses what Kubernetes or an operator would."""

import sys
from pathlib import Path
from typing import Final

import yaml

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.deploy.chart import validate

LARGEST: Final = 262_144
"""Bytes of an object's annotations, in one of which ``kubectl apply`` keeps the object."""


def main() -> None:
    arguments = [word for word in sys.argv[1:] if not word.startswith("--namespace")]
    assert arguments in (["apply", "-f", "-"], ["apply", "-n", "monitoring", "-f", "-"]), arguments
    objects = list(yaml.load_all(sys.stdin, Loader=yaml.CSafeLoader))
    assert objects
    for one in objects:
        validate(one, "1.34")
        assert len(yaml.safe_dump(one)) < LARGEST, one["metadata"]["name"]


if __name__ == "__main__":
    main()
