"""The state of the audit logs, for the status page."""

import msgspec

__all__ = ["CheckpointStatus", "EventStatus", "LogStatus", "MountStatus", "PipelineStatus"]


class LogStatus(msgspec.Struct, frozen=True):
    """One audit log or input. Times are Unix times in seconds."""

    name: str
    problem: str
    """Why it cannot be read; empty if it can."""
    remedy: str
    last_entry: float | None
    """Time that the newest entry states."""
    read_bytes: int
    behind_bytes: int
    """Bytes that are not counted yet."""
    lost_bytes: int = 0
    """Bytes that were gone, or too long, before they were read."""
    dropped_lines: int = 0
    """Lines that an input had no room for."""
    rejected_lines: int = 0
    """Lines that are no audit entries."""


class CheckpointStatus(msgspec.Struct, frozen=True):
    """The checkpoint file."""

    path: str
    written: float | None
    """Unix time of the last commit, in seconds; None before the first."""
    uncommitted_bytes: int
    """Bytes that would count twice after a crash."""
    problem: str


class EventStatus(msgspec.Struct, frozen=True):
    """One security or operations event."""

    event: str
    count: int
    """Number since the exporter started."""
    last: float
    """Unix time of the last one, in seconds."""


class MountStatus(msgspec.Struct, frozen=True):
    """The requests of one mount."""

    type: str
    point: str
    requests: int
    """Number since the exporter started."""


class PipelineStatus(msgspec.Struct, frozen=True):
    """What was counted in all logs."""

    events: tuple[EventStatus, ...]
    """The last events, the newest first."""
    mounts: tuple[MountStatus, ...]
    """The mounts with the most requests, the busiest first."""
