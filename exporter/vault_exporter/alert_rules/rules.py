"""The rules as they are in the files."""

from collections.abc import Iterable

import msgspec
import yaml

from vault_exporter.assets import alert_rules

__all__ = ["Group", "PackError", "Rule", "alerts", "load"]


class PackError(ValueError):
    """What the user asks of the pack cannot be: an unknown parameter, or a value that is none."""


class Rule(msgspec.Struct, frozen=True, omit_defaults=True, rename={"for_": "for"}):
    """One rule of Prometheus: an alert, or a recording."""

    expr: str
    alert: str = ""
    record: str = ""
    for_: str = ""
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}

    @property
    def name(self) -> str:
        """Of the alert, or of what is recorded."""
        return self.alert or self.record


class Group(msgspec.Struct, frozen=True):
    """Rules that are evaluated one after the other."""

    name: str
    rules: tuple[Rule, ...]


class _File(msgspec.Struct, frozen=True):
    groups: tuple[Group, ...]


def load() -> tuple[Group, ...]:
    """Read the files of the pack.

    Raises:
        vault_exporter.assets.ResourceError: the installation is not whole.
    """
    files = (msgspec.convert(yaml.safe_load(path.read_text()), _File) for path in alert_rules())
    return tuple(group for file in files for group in file.groups)


def alerts(groups: Iterable[Group]) -> dict[str, Rule]:
    """Return the alerts by their names."""
    return {rule.alert: rule for group in groups for rule in group.rules if rule.alert}
