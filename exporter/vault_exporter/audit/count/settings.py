"""The bounds of a pipeline, and what it leaves out."""

from typing import Self

import msgspec

from vault_exporter.audit.count.counters import Limits
from vault_exporter.config.schema import model

__all__ = ["PipelineSettings"]


class PipelineSettings(msgspec.Struct, frozen=True):
    """The bounds of a pipeline."""

    limits: Limits = Limits()
    max_pending: int = 100_000
    """Requests of one log that wait for their response."""
    keep_unasked: int = 0
    """Responses of one log that are kept to be paired with requests of another log."""
    events: model.Events = model.Events()
    exclude: model.Exclude = model.Exclude()

    @classmethod
    def of(cls, settings: model.Audit) -> Self:
        """Take the bounds from the configuration."""
        return cls(
            limits=Limits(mounts=settings.max_mounts, namespaces=settings.max_namespaces),
            max_pending=settings.max_pending,
            events=settings.events,
            exclude=settings.exclude,
        )
