"""The sources of the alert rules in ``alerts/source``, without the parts that all rules share.

There is one file per category. In the expression of a rule, a threshold is the name of a parameter in braces. In its
texts, :mod:`vault_exporter.alert_rules.build` replaces ``<node>``, ``<cluster>``, ``<node or cluster>``, ``<serving>``
and ``<when>``.
"""

import enum
from typing import Final, Literal

import msgspec
import yaml

from vault_exporter.assets import ResourceError, resource

__all__ = ["Parameter", "Profile", "RuleSource", "SourceFile", "sources"]

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Both are safe; libyaml's takes a tenth of the time, and is not in every installation."""


class Profile(enum.StrEnum):
    """A selection of alerts. Each profile includes those before it."""

    CORE = "core"
    """Alerts that may page someone."""
    STANDARD = "standard"
    """Also alerts to handle in working hours."""
    ALL = "all"
    """Also alerts for information, and alerts that can be normal in some installations."""

    def includes(self, other: "Profile") -> bool:
        """Return whether this profile includes another one."""
        order = list(Profile)
        return order.index(other) <= order.index(self)


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold."""

    help: str
    value: int | float


class RuleSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """One rule: an alert, or a recording rule, which has only an expression."""

    alert: str = ""
    record: str = ""
    why: str = ""
    """The reason for the expression, as a comment in the built file."""
    profile: Profile = Profile.CORE
    severity: Literal["critical", "warning", "info", ""] = ""
    of: Literal["node", "cluster", "either"] = "cluster"
    """The subject of an alert, which decides its label ``instance``."""
    expr: str = ""
    event: str = ""
    """Instead of ``expr``: alert if one of these events, separated by ``|``, is in an audit log."""
    for_: str = ""
    summary: str = ""
    description: str = ""
    dashboard: str = ""
    """The uid of the related dashboard."""


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one category."""

    about: str
    rules: tuple[RuleSource, ...]
    parameters: dict[str, Parameter] = {}


def sources() -> dict[str, SourceFile]:
    """Read the sources by category.

    Raises:
        vault_exporter.assets.ResourceError: a file is missing from the installation.
    """
    files = sorted(resource("alerts", "source").glob("*.yml"))
    if not files:
        raise ResourceError("alerts/source is empty in this installation of vault-exporter; install it anew")
    texts = {path.stem: path.read_text() for path in files}
    return {
        name: msgspec.convert(yaml.load(text, _LOADER), SourceFile)  # noqa: S506 - both are safe
        for name, text in texts.items()
    }
