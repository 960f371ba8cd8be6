"""The options of ``replay`` that ask for reports."""

import shlex
import sys
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final

import msgspec
import typer

from vault_exporter.audit.count.counters import OPERATIONS
from vault_exporter.audit.parse.errors import ErrorClass
from vault_exporter.audit.replay.merging import Replayed
from vault_exporter.audit.reports.filters import Filters, PathPattern, moment
from vault_exporter.audit.reports.observer import Asked, Looked
from vault_exporter.audit.reports.registry import REPORTS, made
from vault_exporter.audit.reports.report import ReportError
from vault_exporter.checks import Flags
from vault_exporter.cli.options import fail, load_config, refuse
from vault_exporter.config.parse.values import audit_device
from vault_exporter.util.times import utc

__all__ = ["HASHED", "Hashing", "Wanted", "asked", "left_out", "nothing_found"]

HASHED: Final = "@hashed"
"""Stands for the hash of the plain value in a report's argument and in a filter."""
_STANDARD_INPUT: Final = "-"
_ERRORS: Final = frozenset({*(kind.value for kind in ErrorClass), "any", "none", "denied"})

_PANEL: Final = "Reports"
_FILTERS: Final = "Filters of reports"


def _filter(help_: str, metavar: str) -> typer.models.OptionInfo:
    found: typer.models.OptionInfo = typer.Option(metavar=metavar, help=help_, rich_help_panel=_FILTERS)
    return found


ReportOption = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="'NAME ARG...'",
        help=f"Print this report instead of the summary; may be given several times: "
        f"{', '.join(' '.join((one.name, *one.arguments)) for one in REPORTS)}.",
        rich_help_panel=_PANEL,
    ),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print the reports as CSV.", rich_help_panel=_PANEL)]
KeepOption = Annotated[
    int,
    typer.Option(
        min=10,
        max=10_000_000,
        metavar="NUMBER",
        help="Rows to keep of a table that has more than twice as many: those with the most requests.",
        rich_help_panel=_PANEL,
    ),
]
SinceOption = Annotated[str | None, _filter("From this day or time (UTC) on.", "TIME")]
UntilOption = Annotated[str | None, _filter("Until before this day or time.", "TIME")]
PathOption = Annotated[
    list[str] | None,
    _filter("Path as in a policy: + is one segment, a trailing * any rest. As all filters it may be repeated.", "PATH"),
]
ClientOption = Annotated[list[str] | None, _filter("Client id, accessor, hashed token or display name.", "CLIENT")]
EntityOption = Annotated[list[str] | None, _filter("Entity id.", "ID")]
NamespaceFilter = Annotated[list[str] | None, _filter("Namespace; root is the root namespace.", "NAME")]
MountOption = Annotated[list[str] | None, _filter("Mount.", "PATH")]
OperationOption = Annotated[list[str] | None, _filter("Operation, as read or update.", "NAME")]
AddressFilter = Annotated[list[str] | None, _filter("Remote address.", "ADDRESS")]
ErrorOption = Annotated[list[str] | None, _filter("Class of error, as invalid_path; or any, none or denied.", "CLASS")]
HashWithOption = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE",
        help=f"Ask this audit device of the server for the hash of a plain value; {HASHED} stands for it in reports "
        "and filters.",
        rich_help_panel=_PANEL,
    ),
]
PlainOption = Annotated[
    str,
    typer.Option(metavar="FILE", help="File with the plain value; - is standard input.", rich_help_panel=_PANEL),
]
VaultAddressOption = Annotated[
    str | None,
    typer.Option(
        "--vault-addr", metavar="URL", help="The server for --hash-with, instead of VAULT_ADDR.", rich_help_panel=_PANEL
    ),
]
VaultTokenOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File with the token for --hash-with.", rich_help_panel=_PANEL),
]


class Hashing(msgspec.Struct, frozen=True):
    """How to look up the hash of a plain value."""

    device: str
    plain: str
    address: str | None
    token_file: Path | None
    config: Path | None


class Wanted(msgspec.Struct, frozen=True):
    """The options as they are given."""

    reports: list[str] | None
    keep: int
    since: str | None
    until: str | None
    path: list[str] | None
    client: list[str] | None
    entity: list[str] | None
    namespace: list[str] | None
    mount: list[str] | None
    operation: list[str] | None
    address: list[str] | None
    error: list[str] | None


def asked(wanted: Wanted, hashing: Hashing | None) -> Asked | None:
    """Return what the options ask for, None if no report; or say what is wrong with them, and exit."""
    hash_ = ""
    if hashing is not None:
        if not wanted.reports:
            refuse("--hash-with: give a --report, too")
        hash_ = _hash_of(hashing)

    def filled(values: Iterable[str] | None) -> list[str]:
        found = list(values or ())
        if any(HASHED in value for value in found) and not hash_:
            refuse(f"{HASHED} stands for the hash of a plain value: give --hash-with DEVICE, too")
        return [hash_ if value == HASHED else value for value in found]

    filters = Filters(
        since=_time("--since", wanted.since),
        until=_time("--until", wanted.until),
        paths=_patterns(filled(wanted.path)),
        clients=frozenset(filled(wanted.client)),
        entities=frozenset(filled(wanted.entity)),
        namespaces=frozenset(value.strip("/") or "root" for value in filled(wanted.namespace)),
        mounts=frozenset(value.strip("/") for value in filled(wanted.mount)),
        operations=frozenset(filled(wanted.operation)),
        addresses=frozenset(map(_address, wanted.address or ())),
        errors=frozenset(filled(wanted.error)),
    )
    _check(filters)
    if not wanted.reports:
        if filters:
            refuse("filters apply to reports only: give a --report, too")
        return None
    reports = []
    for text in wanted.reports:
        try:
            words = tuple(filled(shlex.split(text)))
            made(words, wanted.keep)
        except (ReportError, ValueError) as error:
            refuse(f"--report {text!r}: {error}")
        reports.append(words)
    return Asked(tuple(dict.fromkeys(reports)), filters, wanted.keep)


def left_out(replayed: Replayed) -> Iterator[str]:
    """Yield what is not in the reports: lines that are no entry, and files without one.

    What is wrong with damaged files is not in it.
    """
    read = any(file.read_bytes for file in replayed.files)
    for file in replayed.files:
        lines = {reason.value: count for reason, count in file.rejected.items()}
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in sorted(lines.items()))
        has_entry = replayed.pipeline.last_entry(file.name) is not None
        if not file.problem and not has_entry and (lines or file.other_lines):
            why = f": {reasons}" if reasons else "; is it the server's log?"
            yield f"{file.name}: no audit entry in it{why}"
        elif lines:
            yield f"{file.name}: {sum(lines.values()):,} rejected lines are not in the reports: {reasons}"
        elif read and not file.read_bytes and not file.problem:
            yield f"{file.name}: empty"


def nothing_found(looked: Looked) -> str:
    """Say that nothing was found, and among what."""
    if not looked.requests:
        return "nothing found: no request in these logs ended"
    first, last = (utc(time).strftime("%Y-%m-%d %H:%M:%S") for time in (looked.period.first, looked.period.last))
    when = f", from {first} to {last} UTC" if looked.period.last else ""
    passed = f"{looked.passed:,}" if looked.passed else "none"
    through = f"; the filters let {passed} of them through" if looked.passed < looked.requests else ""
    return f"nothing found in {looked.requests:,} requests{when}{through}"


def _patterns(texts: Iterable[str]) -> tuple[PathPattern, ...]:
    try:
        return tuple(map(PathPattern, texts))
    except ValueError as error:
        refuse(f"--path: {error}")


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        refuse(f"--address: {text!r} is no IP address; give one as 10.0.1.7 or 2001:db8::7")


def _check(filters: Filters) -> None:
    if unknown := sorted(filters.operations - OPERATIONS):
        refuse(
            f"--operation: {', '.join(map(repr, unknown))} is no operation; there are: "
            f"{', '.join(sorted(OPERATIONS - {''}))}"
        )
    if unknown := sorted(filters.errors - _ERRORS):
        refuse(
            f"--error: {', '.join(map(repr, unknown))} is no class of errors; there are: {', '.join(sorted(_ERRORS))}"
        )
    if filters.since is not None and filters.until is not None and filters.until <= filters.since:
        refuse("--until is not after --since")


def _time(option: str, text: str | None) -> float | None:
    try:
        return None if text is None else moment(text)
    except ValueError as error:
        refuse(f"{option}: {error}")


def _hash_of(hashing: Hashing) -> str:
    try:
        device = audit_device(hashing.device)
    except ValueError as error:
        refuse(f"--hash-with: {error}")
    try:
        text = (
            sys.stdin.buffer.read() if hashing.plain == _STANDARD_INPUT else Path(hashing.plain).read_bytes()
        ).decode()
    except OSError as error:
        refuse(f"--plain: {hashing.plain}: cannot be read: {error.strerror or type(error).__name__}")
    except UnicodeDecodeError:
        refuse("--plain: the value is not UTF-8")
    plain = text.removesuffix("\n").removesuffix("\r")
    if not plain:
        refuse("--plain: the value is empty")
    file = str(hashing.token_file) if hashing.token_file else None
    settings = load_config(hashing.config, Flags(address=hashing.address, token_file=file))
    if len(settings.targets) != 1:
        refuse("--hash-with: give the server that wrote the log with --vault-addr")
    # Imported here, since the clients of HTTP and logins take as long to import as all else that replay needs.
    import asyncio  # noqa: PLC0415

    from vault_exporter.audit.reports.hashing import HashError, hashed  # noqa: PLC0415
    from vault_exporter.util import logging as logs  # noqa: PLC0415

    logs.configure(logs.LogFormat.LOGFMT, logs.LogLevel.ERROR)
    try:
        return asyncio.run(hashed(settings.targets[0], device, plain))
    except HashError as error:
        fail(f"--hash-with: {error}")
