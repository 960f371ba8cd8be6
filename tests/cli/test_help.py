"""The help of all commands says all that is written in their options."""

import re

import pytest
import typer
from typer.testing import CliRunner

from vault_exporter.cli.table import COMMANDS, assembled


@pytest.mark.parametrize("name", COMMANDS)
def test_no_help_loses_text_in_brackets(name: str) -> None:
    command = typer.main.get_group(assembled([name])).commands[name]
    said = CliRunner().invoke(assembled([name]), [name, "--help"], env={"COLUMNS": "1000", "TERMINAL_WIDTH": "1000"})
    assert said.exit_code == 0
    texts = [command.help or "", *(getattr(one, "help", None) or "" for one in command.params)]
    for text in texts:
        # A backslash keeps the library from taking the word for a style.
        for word in re.findall(r"[\w-]*\\?\[[^\]]*\]", text):
            assert word.replace("\\[", "[") in said.stdout
