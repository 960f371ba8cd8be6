"""The sources of the alert rules, ``alerts/source``: what a rule says, without what every rule repeats.

One file a category. A rule has its expression, in which a threshold is the name of a parameter in braces, and its text,
in which ``<node>``, ``<cluster>``, ``<node or cluster>``, ``<serving>`` and ``<when>`` stand for what
:mod:`vault_exporter.alert_rules.build` puts there.
"""

import enum
from typing import Literal

import msgspec
import yaml

from vault_exporter.assets import ResourceError, resource

__all__ = ["Parameter", "Profile", "Source", "SourceFile", "sources"]


class Profile(enum.StrEnum):
    """How many of the alerts are wanted; each profile has what the ones before it have."""

    CORE = "core"
    """What may wake someone."""
    STANDARD = "standard"
    """And what is worth looking at in work hours."""
    ALL = "all"
    """And what is for the record, or fires where that is nothing unusual."""

    def includes(self, other: "Profile") -> bool:
        """Whether this profile has the alerts of another one."""
        order = list(Profile)
        return order.index(other) <= order.index(self)


class Parameter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A threshold."""

    help: str
    value: int | float


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """One rule: an alert, or a recording, which has its expression alone."""

    alert: str = ""
    record: str = ""
    why: str = ""
    """Comment in the built file: why the expression is what it is."""
    profile: Profile = Profile.CORE
    severity: Literal["critical", "warning", "info", ""] = ""
    of: Literal["node", "cluster", "either"] = "cluster"
    """What an alert is of: whether it has a label ``instance`` of its own."""
    expr: str = ""
    event: str = ""
    """In the place of ``expr``: the alert is that one of these events, parted by ``|``, is in an audit log."""
    for_: str = ""
    summary: str = ""
    description: str = ""
    dashboard: str = ""
    """The uid of the dashboard that shows it."""


class SourceFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rules of one category."""

    about: str
    rules: tuple[Source, ...]
    parameters: dict[str, Parameter] = {}


def sources() -> dict[str, SourceFile]:
    """Read the sources by category.

    Raises:
        vault_exporter.assets.ResourceError: the installation is not whole.
    """
    files = sorted(resource("alerts", "source").glob("*.yml"))
    if not files:
        raise ResourceError("alerts/source is empty in this installation of vault-exporter; install it anew")
    return {path.stem: msgspec.convert(yaml.safe_load(path.read_text()), SourceFile) for path in files}
