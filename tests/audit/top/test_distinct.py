"""The count of different values: exact while few, within its error when many, the same however it was put together."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vault_exporter.audit.top.distinct import EXACT, STANDARD_ERROR, Distinct

VALUES = st.lists(st.text(max_size=8), max_size=200)


def sketch(*values: str) -> Distinct:
    made = Distinct()
    for value in values:
        made.add(value)
    return made


def numbered(start: int, stop: int) -> Distinct:
    return sketch(*map(str, range(start, stop)))


@given(VALUES)
def test_few_are_counted_exactly(values: list[str]) -> None:
    assert sketch(*values).count() == len(set(values))


def test_exact_to_the_last_one() -> None:
    assert numbered(0, EXACT).count() == EXACT


@pytest.mark.parametrize("number", [EXACT + 1, 2_000, 10_000, 100_000])
def test_many_are_counted_within_the_error(number: int) -> None:
    assert numbered(0, number).count() == pytest.approx(number, rel=4 * STANDARD_ERROR)


@settings(max_examples=25)
@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 3000))
def test_a_union_is_as_if_all_had_been_added_to_one(first: int, second: int, overlap: int) -> None:
    start = max(0, first - overlap)
    united = numbered(0, first)
    other = numbered(start, start + second)
    before = other.count()
    united.update(other)
    assert united.count() == numbered(0, max(first, start + second if second else 0)).count()
    assert other.count() == before
    united.update(other)
    assert united.count() == numbered(0, max(first, start + second if second else 0)).count()


def test_a_lone_surrogate_is_a_value() -> None:
    assert sketch("\udc80", "\udc81").count() == 2
