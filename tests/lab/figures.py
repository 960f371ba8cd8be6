"""Figures: what each trial measured, and the bound that it has to keep."""

import math
from collections.abc import Callable
from typing import Protocol

import pytest


class Figure(Protocol):
    """Note a figure of the running test, and fail if it is above its bound."""

    def __call__(self, what: str, value: float, most: float = ...) -> None: ...


@pytest.fixture
def figure(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Figure:
    def note(what: str, value: float, most: float = math.inf) -> None:
        bound = f" (at most {most:g})" if math.isfinite(most) else ""
        record_property("figure", f"{request.node.name}: {what}: {value:.4g}{bound}")
        assert value <= most, what

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    # From the reports, which come from the worker processes, too.
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    figures = [text for report in reports for name, text in report.user_properties if name == "figure"]
    if figures:
        terminalreporter.section("what the tests measured")
        for text in figures:
            terminalreporter.write_line(text)
