"""The table of reports."""

from collections.abc import Sequence
from typing import Final

import msgspec

from vault_exporter.audit.reports.compare import Compare
from vault_exporter.audit.reports.entities import Entities
from vault_exporter.audit.reports.hot_paths import HotPaths
from vault_exporter.audit.reports.kubernetes import Kubernetes
from vault_exporter.audit.reports.kv import KeyValue
from vault_exporter.audit.reports.polling import Polling
from vault_exporter.audit.reports.report import Report, ReportError
from vault_exporter.audit.reports.timeline import Timeline
from vault_exporter.audit.reports.tokens import Tokens
from vault_exporter.audit.reports.who_used import WhoUsed

__all__ = ["REPORTS", "Kind", "made"]


class Kind(msgspec.Struct, frozen=True):
    """A report that can be asked for."""

    name: str
    arguments: tuple[str, ...]
    """What follows the name, each as one word of the usage."""
    report: type[Report]


REPORTS: Final = (
    Kind("who-used", ("PATH",), WhoUsed),
    Kind("timeline", ("WHO",), Timeline),
    Kind("tokens", (), Tokens),
    Kind("entities", (), Entities),
    Kind("polling", (), Polling),
    Kind("hot-paths", (), HotPaths),
    Kind("kv", (), KeyValue),
    Kind("compare", ("SINCE/UNTIL", "SINCE/UNTIL"), Compare),
    Kind("kubernetes", (), Kubernetes),
)


def made(words: Sequence[str], keep: int) -> Report:
    """Make a report of its name and its arguments.

    Raises:
        ReportError: there is no such report, or its arguments are wrong.
    """
    kind = next((kind for kind in REPORTS if words and kind.name == words[0]), None)
    if kind is None:
        given = f"{words[0]!r} is no report" if words else "the report has no name"
        raise ReportError(f"{given}; there are: {', '.join(one.name for one in REPORTS)}")
    if len(words) - 1 != len(kind.arguments):
        usage = " ".join((kind.name, *kind.arguments))
        raise ReportError(f"give it as '{usage}'" if kind.arguments else f"{kind.name} has no argument")
    return kind.report(tuple(words[1:]), keep)
