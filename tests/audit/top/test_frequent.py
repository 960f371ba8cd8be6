"""Heavy hitters: none is missed, and no count is off by more than is said."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from vault_exporter.audit.top.frequent import Frequent, Item

STREAMS = st.lists(st.sampled_from("aaaabbbccdefghijklmnopqrstuvwxyz"), max_size=400)
CAPACITIES = st.integers(1, 8)


def counted(capacity: int, stream: list[str]) -> Frequent:
    sketch = Frequent(capacity)
    for value in stream:
        sketch.add(value)
    return sketch


def check(sketch: Frequent, stream: list[str]) -> None:
    truth = Counter(stream)
    assert len(sketch.counts) <= 2 * sketch.capacity
    assert sketch.error * sketch.capacity <= len(stream)
    for value, count in truth.items():
        assert sketch.counts.get(value, 0) <= count <= sketch.counts.get(value, 0) + sketch.error
        if count * sketch.capacity > len(stream):
            assert value in sketch.counts


@given(CAPACITIES, STREAMS)
def test_bounds_hold(capacity: int, stream: list[str]) -> None:
    check(counted(capacity, stream), stream)


@given(CAPACITIES, STREAMS, STREAMS)
def test_bounds_hold_for_sketches_put_together(capacity: int, first: list[str], second: list[str]) -> None:
    sketch = counted(capacity, first)
    sketch.update(counted(capacity, second))
    check(sketch, first + second)


def test_few_values_are_exact_and_in_order() -> None:
    sketch = counted(3, list("abracad"))
    assert sketch.top(2) == (Item("a", 3, 3), Item("b", 1, 1))
    assert sketch.error == 0


def test_a_million_values_do_not_hide_the_one_that_matters() -> None:
    sketch = Frequent(100)
    for number in range(20_000):
        sketch.add(f"once-{number}")
        if number % 10 == 0:
            sketch.add("often")
    (top,) = sketch.top(1)
    assert top.value == "often"
    assert top.at_least <= 2_000 <= top.at_most
    assert len(sketch.counts) <= 200
