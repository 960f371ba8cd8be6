"""The commands of `bao` and `vault` that the runbooks give."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["RUNBOOKS", "Command", "commands", "pairs"]

RUNBOOKS: Final = sorted((Path(__file__).parents[2] / "alerts" / "runbooks").glob("*.md"))

_BLOCK: Final = re.compile(r"^```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
_VARIABLE: Final = r"(?:[A-Z_]+=\S+ )?"
_IN_SHELL: Final = re.compile(rf"{_VARIABLE}((?:bao|vault) .*)")
_IN_COMMENT: Final = re.compile(rf"(?:\b(?:or|then): {_VARIABLE}|`)((?:bao|vault) [^;(`]+)")
_IN_PROSE: Final = re.compile(r"`((?:bao|vault) [^`]+)`")
_PAIR_IN_PROSE: Final = re.compile(r"`(bao [^`]+)`,? \(?or `(vault [^`]+)`")


class Command(NamedTuple):
    """A command as it is to be typed; in prose it may be no more than its name."""

    text: str
    is_whole: bool

    @property
    def program(self) -> str:
        return self.text.partition(" ")[0]

    @property
    def arguments(self) -> list[str]:
        return shlex.split(re.sub(r"\$\(.*?\)", "today", self.text).removesuffix(" ..."))[1:]


def commands(runbook: Path) -> Iterator[Command]:
    """Yield those of a runbook."""
    shell, prose = _parts(runbook)
    for line in shell:
        command, comment = _split(line)
        for part in re.split(r"[;|]|\s>\s*\S+", command):
            if found := _IN_SHELL.fullmatch(part.strip()):
                yield Command(found[1], is_whole=True)
        for text in _IN_COMMENT.findall(comment):
            yield Command(text.strip(), is_whole=not text.endswith("..."))
    for text in _IN_PROSE.findall(prose):
        yield Command(text, is_whole=False)


def pairs(runbook: Path) -> Iterator[tuple[str, str]]:
    """Yield what to do with `bao`, and the same with `vault`; without the programs' names."""
    shell, prose = _parts(runbook)
    for line in shell:
        command, comment = _split(line)
        with_bao, with_vault = _IN_SHELL.fullmatch(re.split(r"[;|>]", command)[0].strip()), _IN_COMMENT.search(comment)
        if with_bao and with_vault and comment.startswith("or:"):
            yield _without_program(with_bao[1]), _without_program(with_vault[1])
    for with_bao_text, with_vault_text in _PAIR_IN_PROSE.findall(prose):
        yield _without_program(with_bao_text), _without_program(with_vault_text)


def _without_program(text: str) -> str:
    return text.partition(" ")[2].strip()


def _parts(runbook: Path) -> tuple[list[str], str]:
    """Return the lines for the shell, and the rest as one line."""
    text = runbook.read_text()
    lines = [line for block in _BLOCK.findall(text) for line in block.splitlines()]
    return lines, " ".join(_BLOCK.sub("", text).split())


def _split(line: str) -> tuple[str, str]:
    """Part a line for the shell from its comment."""
    command, _, comment = line.partition(" # ")
    return command, comment.strip()
