"""Options of the tests."""

import pytest

pytest_plugins = ["tests.lab.fake_node", "tests.lab.figures"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden anew from what the code shows")
    parser.addoption(
        "--full-length", action="store_true", help="let timed scenarios take as long as with their users' settings"
    )
