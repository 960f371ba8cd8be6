"""Durations and times as Go writes them."""

from datetime import UTC, datetime

import pytest

from vault_exporter.vault.client import VaultError
from vault_exporter.vault.go import moment, seconds, timestamp


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0s", 0),
        ("0", 0),
        (0, 0),
        (172800, 172800),
        ("172800", 172800),
        ("1.234567891s", 1.234567891),
        ("1m0.5s", 60.5),
        ("24h0m0s", 86400),
        ("250ms", 0.25),
        ("1.5µs", 1.5e-6),
        ("-2m", -120),
    ],
)
def test_durations(text: str | float, expected: float) -> None:
    assert seconds(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "-", "s", "1x", "1d", "1s ", "one", "1s1", "²", "٣s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(VaultError):
        seconds(text)


def test_a_long_one_does_not_hold_the_others_up() -> None:
    with pytest.raises(VaultError):
        seconds("1" * 900_000 + "x")  # with time in the square of its length, this would take hours


def test_times() -> None:
    assert moment("2026-11-24T11:31:12.848989499Z") == pytest.approx(1795519872.848989)
    assert moment("") is None
    assert moment("0001-01-01T00:00:00Z") is None
    assert timestamp(None) is None
    assert timestamp(datetime(1, 1, 1, tzinfo=UTC)) is None
    with pytest.raises(VaultError):
        moment("yesterday")
