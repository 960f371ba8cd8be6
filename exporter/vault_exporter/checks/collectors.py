"""Checks of ``collectors``: names exist, and keys apply to them."""

from collections.abc import Iterable, Iterator
from typing import Final

from vault_exporter.config.schema.model import Collectors, Discovery, NoAuth, Target
from vault_exporter.scrape.collectors import COLLECTORS, CONFIGURED, REQUIRED, Scope, telemetry
from vault_exporter.util.suggestions import known_here

__all__ = ["check_collectors", "check_token"]

_BY_NAME: Final = {collector.name: collector for collector in COLLECTORS}
_NAMES: Final = (*_BY_NAME, *CONFIGURED, telemetry.NAME)


def check_collectors(collectors: Collectors) -> Iterator[tuple[str, str]]:
    """Yield wrong keys, each with a message."""
    for key, names in (
        ("enable", collectors.enable),
        ("disable", collectors.disable),
        ("intervals", collectors.intervals),
    ):
        yield from ((key, message) for message in _unknown(names))
    yield from _check_telemetry(collectors)
    for name in collectors.enable:
        if name in CONFIGURED:
            yield "enable", f"{name} runs where there is a section {name} at the top of the file; leave this out"
    for name in collectors.disable:
        if name in REQUIRED:
            yield "disable", f"{name} cannot be disabled, since alerts depend on what it says"
        if name in collectors.enable:
            yield "disable", f"{name} is enabled, too; choose one"
    for name in collectors.intervals:
        if name in _BY_NAME and _BY_NAME[name].scope is Scope.EVERY:
            yield "intervals", f"{name} has none, since it tells the state of the node; it is asked at every scrape"


def _check_telemetry(collectors: Collectors) -> Iterator[tuple[str, str]]:
    if telemetry.NAME in collectors.enable:
        yield "enable", "telemetry runs unless telemetry.enabled is false; leave this out"
    if telemetry.NAME in collectors.intervals:
        yield "intervals", "telemetry has none; it is asked at every scrape"


def check_token(target: Target | Discovery) -> Iterator[tuple[str, str]]:
    """Yield enabled collectors that need a token if the target has none."""
    if isinstance(target.auth, NoAuth):
        for name in target.collectors.enable:
            if name in _BY_NAME and _BY_NAME[name].needs_token:
                yield "collectors", f"{name} needs a token; give the target auth, or do not enable it"


def _unknown(names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if name not in _NAMES:
            # The value is not repeated: it may be a token.
            yield f"not a collector; {known_here(name, _NAMES)}"
