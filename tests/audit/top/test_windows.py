"""A window forgets what is older than itself, a slot at a time."""

from hypothesis import given
from hypothesis import strategies as st

from vault_exporter.audit.top.distinct import Distinct
from vault_exporter.audit.top.windows import SLOTS, Window

SECONDS = 120.0
SLOT = SECONDS / SLOTS
STEPS = st.lists(st.tuples(st.floats(0, 40, allow_nan=False), st.integers(0, 20)), max_size=60)


@given(STEPS)
def test_it_holds_what_came_within_its_length(steps: list[tuple[float, int]]) -> None:
    window = Window(SECONDS, Distinct)
    now, seen = 1_000.0, []
    window.advance(now)
    for wait, value in steps:
        now += wait
        window.advance(now)
        window.current.add(str(value))
        seen.append((now, value))
    # What is as old as the window is in; what is a slot older is out; between them the slot decides.
    surely = {value for when, value in seen if when > now - SECONDS}
    perhaps = {value for when, value in seen if when > now - SECONDS - SLOT}
    assert len(surely) <= window.union().count() <= len(perhaps)


def test_time_that_goes_back_changes_nothing() -> None:
    window = Window(SECONDS, Distinct)
    assert window.advance(1_000.0)
    window.current.add("a")
    assert not window.advance(500.0)
    assert window.union().count() == 1


def test_a_long_silence_leaves_nothing() -> None:
    window = Window(SECONDS, Distinct)
    window.advance(1_000.0)
    window.current.add("a")
    assert window.advance(2_000.0)
    assert window.union().count() == 0
