"""Options of the tests, and what each of them leaves as it was."""

import logging
import os
from collections.abc import Iterator

import hypothesis
import pytest
import structlog

from vault_exporter.demo import process

# No test depends on the speed of the machine.
hypothesis.settings.register_profile(
    "any speed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("any speed")

pytest_plugins = ["tests.lab.fake_node", "tests.lab.figures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden anew from what the code shows")
    parser.addoption(
        "--full-length", action="store_true", help="let timed scenarios take as long as with their users' settings"
    )


def pytest_configure() -> None:
    """Give each process of the tests ports of its own, or a test may wait for an answer of another one's server."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    share = len(process.PORTS) // processes
    process.PORTS = process.PORTS[number * share : (number + 1) * share]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Undo what a command that runs within the tests sets up: its log goes to a stream that ends with the test."""
    root = logging.getLogger()
    level = root.level
    yield
    if structlog.is_configured():
        structlog.reset_defaults()
        root.setLevel(level)
        for handler in [handler for handler in root.handlers if type(handler) is logging.StreamHandler]:
            root.removeHandler(handler)
