"""What a report is."""

from collections.abc import Sequence
from typing import Protocol, Self

from vault_exporter.audit.reports.bounded import Span
from vault_exporter.audit.reports.table import Table
from vault_exporter.audit.reports.use import Use

__all__ = ["Report", "ReportError"]


class ReportError(ValueError):
    """The arguments of a report are wrong."""


class Report(Protocol):
    """Looks at all uses that pass the filters, in any order. It can be pickled."""

    @property
    def is_wide(self) -> bool:
        """Whether it may keep something of most requests.

        Such a report looks at those of all files together, and sees no ids: that costs less than merging what it keeps
        of each file. One that picks few looks at each file by itself.
        """

    def __init__(self, arguments: tuple[str, ...], keep: int) -> None:
        """Start empty.

        Args:
            arguments: what follows the report's name; as many as the registry says.
            keep: number of records to keep of a kind that has more than twice as many; up to these all are exact.

        Raises:
            ReportError: an argument is wrong.
        """

    def observe(self, use: Use) -> None:
        """Take in one use, of one or more equal requests."""

    def merge(self, other: Self) -> None:
        """Add what the same report observed elsewhere. The other is not used after it."""

    def tables(self, period: Span, /) -> Sequence[Table]:
        """Return the result.

        Args:
            period: the earliest and the latest time of the requests that the filters of the time let through.
        """
