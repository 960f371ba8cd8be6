"""What the doctor finds."""

import enum

import msgspec

__all__ = ["Finding", "Level", "worst"]


class Level(enum.IntEnum):
    """How bad a finding is; the worst is the exit status, as ``status`` has it."""

    INFO = 0
    """Works, and is worth knowing."""
    WARNING = 1
    """A part of the chain does not do what it should."""
    CRITICAL = 2
    """An alert that should wake someone would not."""


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    level: Level
    check: str
    """Its name in docs/doctor.md, which does not change."""
    problem: str
    remedy: str
    place: str
    """The file and key, or the page of a user interface, where the remedy goes."""
    subjects: tuple[str, ...] = ()
    """What it is about: targets, rules, clusters, dashboards."""


def worst(findings: tuple[Finding, ...]) -> Level:
    """Return the highest level."""
    return max((finding.level for finding in findings), default=Level.INFO)
