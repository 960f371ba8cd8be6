"""What may look at every entry beside the counters."""

import enum
from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, Self

from vault_exporter.audit.parse.entry import Entry
from vault_exporter.metrics.family import Sample

__all__ = ["Observed", "Observer"]


class Observed(enum.Flag):
    """Entries that an observer takes in. Each call costs time, so an observer names only those that it uses."""

    REQUESTS = enum.auto()
    RESPONSES = enum.auto()


class Observer(Protocol):
    """Looks at every entry: a sketch, a template of paths. It can be pickled and merged, as the pipeline can."""

    observed: ClassVar[Observed]
    """Which entries :meth:`observe` takes in."""
    needs_sender: ClassVar[bool]
    """Whether it uses who sends a request: ``auth``, and the address and the client id in ``request``. Decoding these
    costs a tenth of the speed."""

    def observe(self, entry: Any) -> None:  # noqa: ANN401 - of the kinds that it observes, in the depth that it needs
        """Take in one entry."""

    def failed(self, entry: Entry) -> None:
        """Take in an entry that ends a request in error, before it is observed."""

    def samples(self) -> Iterable[Sample]:
        """Yield what is published of it."""

    def merge(self, other: Self) -> None:
        """Add what another process observed."""
