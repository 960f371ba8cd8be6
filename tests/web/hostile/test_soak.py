"""The soak of ``bench/soak.py``, for some seconds."""

from bench import soak


def test_some_seconds_of_everything_at_once() -> None:
    assert soak.main(["--seconds", "25"]) == 0
