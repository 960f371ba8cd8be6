"""The pack's subtree, merged into another configuration as its comment says."""

import copy
from collections.abc import Mapping
from typing import Any, Final

import yaml

from tests.lab.alertmanager import FOLDER

__all__ = ["SUBTREE", "merged"]

SUBTREE: Final = FOLDER / "subtree.yml"


def merged(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Put the items of each list of the subtree before theirs."""
    ours, whole = yaml.safe_load(SUBTREE.read_text()), copy.deepcopy(dict(theirs))
    for key in ("templates", "inhibit_rules", "receivers"):
        whole[key] = ours[key] + whole.get(key, [])
    whole["route"]["routes"] = ours["route"]["routes"] + whole["route"].get("routes", [])
    return whole
