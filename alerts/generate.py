"""Build the rule files: ``python -m alerts.generate``; with ``--check``, only say whether they are current."""

import argparse
import sys
from pathlib import Path
from typing import Final

from vault_exporter.alert_rules import load
from vault_exporter.alert_rules.forms import render_file
from vault_exporter.alert_rules.source import sources

__all__ = ["FOLDER", "main"]

FOLDER: Final = Path(__file__).parent / "rules"


def main(arguments: list[str] | None = None) -> int:
    """Write or check every file; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m alerts.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are (default: %(default)s)")
    options = parser.parse_args(arguments)
    groups = load()
    built = {f"vault-{category}" for category in sources()}
    texts = {
        options.folder / f"{group.name.removeprefix('vault-')}.yml": render_file(group, groups)
        for group in groups
        if group.name in built
    }
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text() != text]
    if options.check:
        for path in stale:
            sys.stderr.write(f"{path} is not current; run make generate\n")
        return 1 if stale else 0
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
