"""Events that are planned, by who asks or by the time of the day, and therefore not counted."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from vault_exporter.audit.parse.entry import Detail
from vault_exporter.config.schema.model import AllowedEvents

__all__ = ["Allowed", "is_hours"]

_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Allowed:
    """The operator's list of what is allowed."""

    def __init__(self, settings: Iterable[AllowedEvents]) -> None:
        self._of: dict[str, list[_Condition]] = {}
        for one in settings:
            condition = _Condition(one)
            for event in one.events:
                self._of.setdefault(event, []).append(condition)

    def holds(self, event: str, time: datetime | None, full: Callable[[], Detail | None]) -> bool:
        """Whether an event is allowed.

        Args:
            event: its name.
            time: the time that the entry states.
            full: returns the entry with all fields; called only if the event is in the list.
        """
        return any(condition.holds(time, full) for condition in self._of.get(event, ()))


class _Condition:
    __slots__ = ("_display_names", "_entity_ids", "_hours")

    def __init__(self, settings: AllowedEvents) -> None:
        self._entity_ids = frozenset(settings.entity_ids)
        self._display_names = frozenset(settings.display_names)
        self._hours = _minutes(settings.hours)

    def holds(self, time: datetime | None, full: Callable[[], Detail | None]) -> bool:
        if self._hours is not None and (time is None or not _is_within(time, *self._hours)):
            return False
        if not (self._entity_ids or self._display_names):
            return True
        entry = full()
        if entry is None or entry.auth is None:
            return False
        # A root token has no entity, and nothing that is empty is in a list.
        entity_id, display_name = entry.auth.entity_id, entry.auth.display_name
        return (not self._entity_ids or (entity_id != "" and entity_id in self._entity_ids)) and (
            not self._display_names or (display_name != "" and display_name in self._display_names)
        )


def is_hours(text: str) -> bool:
    """Return whether the text is a span of the day, such as ``22:00-02:30``."""
    return _minutes(text) is not None


def _minutes(text: str) -> tuple[int, int] | None:
    """Return the first and the last minute of the day; the last is not within the span."""
    found = _HOURS.fullmatch(text)
    if found is None:
        return None
    hour, minute, last_hour, last_minute = map(int, found.groups())
    return hour * 60 + minute, last_hour * 60 + last_minute


def _is_within(time: datetime, first: int, last: int) -> bool:
    """Whether the time is in the span, which may go over midnight."""
    utc = time.astimezone(UTC)
    minute = utc.hour * 60 + utc.minute
    return first <= minute < last if first <= last else minute >= first or minute < last
