"""Data files of the package: alert rules, dashboards, provisioning.

In a wheel they are data inside the package (``vault_exporter/data/…``); in a checkout they are where they are edited.
"""

from pathlib import Path
from typing import Final

__all__ = ["ResourceError", "alert_rules", "resource"]

_PACKAGE: Final = Path(__file__).resolve().parent
_CHECKOUT: Final = _PACKAGE.parents[1]
_IN_CHECKOUT: Final = {
    "alerts": _CHECKOUT / "alerts",
    "dashboards": _CHECKOUT / "dashboards" / "json",
    "provisioning": _CHECKOUT / "dashboards" / "provisioning",
}
"""Folder in a checkout for each folder of ``data/`` in a wheel."""


class ResourceError(Exception):
    """A data file is missing from the installation."""


def resource(*parts: str) -> Path:
    """Return the path of a file or directory, such as ``resource("alerts", "rules")``.

    Raises:
        ResourceError: there is none of that name.
    """
    first, *rest = parts
    candidates = [_PACKAGE.joinpath("data", *parts)]
    if first in _IN_CHECKOUT:
        candidates.append(_IN_CHECKOUT[first].joinpath(*rest))
    for path in candidates:
        if path.exists():
            return path
    raise ResourceError(f"{'/'.join(parts)} is missing from this installation of vault-exporter; install it anew")


def alert_rules() -> tuple[Path, ...]:
    """Return the files of alert rules that Prometheus loads, in the order of their names.

    Raises:
        ResourceError: there are none.
    """
    files = tuple(sorted(resource("alerts", "rules").glob("*.yml")))
    if not files:
        raise ResourceError("alerts/rules is empty in this installation of vault-exporter; install it anew")
    return files
