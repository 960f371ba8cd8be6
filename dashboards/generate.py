"""Write the dashboards' JSON: ``python -m dashboards.generate``; with ``--check``, only say whether it is current."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from grafanalib import core
from grafanalib._gen import DashboardEncoder

from dashboards import details, vault_overview
from dashboards.normalise import normalise

__all__ = ["DASHBOARDS", "FOLDER", "main", "rendered"]

FOLDER: Final = Path(__file__).parent / "json"
DASHBOARDS: Final = {
    vault_overview.UID: vault_overview.overview,
    details.NODE: details.one_node,
    details.AUDIT: details.audit_log,
    details.STORAGE: details.storage_and_ha,
    details.EXPORTER: details.exporter_itself,
    details.AGENTS: details.agents_and_injector,
}
"""Each dashboard by its uid, which is also its file's name."""


def rendered(dashboard: core.Dashboard) -> str:
    """Return the dashboard as the text of its file."""
    plain: dict[str, Any] = json.loads(json.dumps(dashboard.to_json_data(), cls=DashboardEncoder))
    return json.dumps(normalise(plain), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Write or check every file; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.generate", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file is not current")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files are (default: %(default)s)")
    options = parser.parse_args(arguments)
    texts = {options.folder / f"{uid}.json": rendered(build()) for uid, build in DASHBOARDS.items()}
    stale = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    unknown = sorted(set(options.folder.glob("*.json")) - set(texts))
    if options.check:
        for path in stale:
            print(f"{path} is not what the code generates: run `make generate` and commit it", file=sys.stderr)
        for path in unknown:
            print(f"{path} comes from no code: remove it", file=sys.stderr)
        return 1 if stale or unknown else 0
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in stale:
        path.write_text(texts[path], encoding="utf-8")
        print(f"wrote {path}")
    for path in unknown:
        print(f"{path} comes from no code: remove it", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
