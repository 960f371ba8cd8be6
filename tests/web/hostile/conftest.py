"""Figures: what each trial measured, and the bound that it has to keep."""

import math
from typing import Protocol

import pytest


class Figure(Protocol):
    def __call__(self, what: str, value: float, most: float = ...) -> None: ...


_FIGURES: list[str] = []


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    def note(what: str, value: float, most: float = math.inf) -> None:
        bound = f" (at most {most:g})" if math.isfinite(most) else ""
        _FIGURES.append(f"{request.node.name}: {what}: {value:.4g}{bound}")
        assert value <= most, what

    return note


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _FIGURES:
        terminalreporter.section("what hostile clients cost")
        for line in _FIGURES:
            terminalreporter.write_line(line)
