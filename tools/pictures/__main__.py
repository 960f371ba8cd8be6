"""Draw every dashboard in every scene, and check what can be checked: ``python -m tools.pictures``.

Needs Chromium, Prometheus and promtool, and what ``make pictures`` puts into ``build/pictures``. The pictures are in
``build/pictures/out``: lay them beside those of the last release.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from tools.pictures.check import problems
from tools.pictures.scenes import END, MINUTES, SCENES, STEP, Scene, open_metrics
from tools.pictures.small import small_copy
from vault_exporter.demo.process import Service, free_port

__all__ = ["main"]

Json = dict[str, Any]

ROOT: Final = Path(__file__).parents[2]
BUILD: Final = ROOT / "build" / "pictures"
DASHBOARDS: Final = ROOT / "dashboards" / "json"
OUT: Final = BUILD / "out"
DOCS: Final = ROOT / "docs" / "pictures"
_IN_DOCS: Final = {"one-sealed": "overview-one-sealed.png", "storage-gone": "overview-storage-gone.png"}
"""Files in the documentation, by the scene whose overview they show."""
_FIRST_SCREEN: Final = 790
"""Pixels of the overview that the documentation shows."""

_DESK, _PHONE = 1240, 390
_ALL_KINDS: Final = "every-kind"
"""The scene in which each row of each dashboard has something to show."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; return 1 if one of them is not as it should be."""
    parser = argparse.ArgumentParser(prog="make pictures", description=__doc__)
    parser.add_argument("--scene", action="append", choices=SCENES, help="only this scene (repeatable)")
    parser.add_argument("--shot", default="", help="only pictures whose names contain this")
    parser.add_argument("--docs", action="store_true", help="also write small copies into docs/pictures")
    options = parser.parse_args(arguments)
    OUT.mkdir(parents=True, exist_ok=True)
    found = 0
    for name in options.scene or SCENES:
        shots = [shot for shot in _shots(name) if options.shot in shot["name"]]
        with contextlib.ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            port = stack.enter_context(_prometheus(SCENES[name], directory))
            for report in _taken(shots, port):
                wrong = problems(name, report)
                found += len(wrong)
                print(f"{OUT.relative_to(ROOT)}/{report['name']}.png", *(f"  {one}" for one in wrong), sep="\n")
                if options.docs and name in _IN_DOCS and report["name"] == f"{name}-overview-{_DESK}-dark":
                    small_copy(OUT / f"{report['name']}.png", DOCS / _IN_DOCS[name], _FIRST_SCREEN)
    print(f"{found} problems")
    return 1 if found else 0


def _shots(scene: str) -> Iterator[Json]:
    """Say which pictures to take of a scene."""
    yield _shot(scene, "vault-overview", _DESK, "dark")
    yield _shot(scene, "vault-overview", _PHONE, "light")
    if scene == "one-down":
        yield _shot(scene, "vault-overview", _DESK, "light")
        for vision in ("deuteranopia", "protanopia", "tritanopia"):
            yield _shot(scene, "vault-overview", _DESK, "dark", vision)
    if scene in {"all-sealed", "storage-gone", "no-active"}:
        yield _shot(scene, "vault-node", _DESK, "dark")
        yield _shot(scene, "vault-storage", _DESK, "dark")
    if scene == _ALL_KINDS:
        for path in sorted(DASHBOARDS.glob("*.json")):
            if path.stem != "vault-overview":
                yield _shot(scene, path.stem, _DESK, "dark")
            yield _shot(scene, path.stem, _DESK, "light")


def _shot(scene: str, dashboard: str, width: int, theme: str, vision: str = "") -> Json:
    rows = "open" if scene == _ALL_KINDS else "closed"
    parts = [scene, dashboard.removeprefix("vault-"), str(width), theme, vision]
    return {
        "name": "-".join(part for part in parts if part),
        "dashboard": dashboard,
        "width": width,
        "vision": vision,
        "query": {"theme": theme, "rows": rows, "minutes": MINUTES, "to": END, "scrape": STEP},
    }


@contextlib.contextmanager
def _prometheus(scene: Scene, directory: Path) -> Iterator[int]:
    """Start a Prometheus that holds the scene, and return its port."""
    samples = directory / "scene.om"
    with samples.open("w", encoding="utf-8") as file:
        file.writelines(open_metrics(scene))
    storage = directory / "data"
    _run("promtool", "tsdb", "create-blocks-from", "openmetrics", samples, storage)
    config = directory / "prometheus.yml"
    config.write_text("{}\n")
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={config}",
        f"--storage.tsdb.path={storage}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        # Made samples have no staleness marks, so a series that ends would be shown for five minutes.
        f"--query.lookback-delta={2 * STEP}s",
    ]
    service = Service("Prometheus", command, log=directory / "prometheus.log", cwd=directory)
    try:
        service.wait_until(lambda: "Server is ready" in (directory / "prometheus.log").read_text())
        yield port
    finally:
        service.stop()


def _taken(shots: Sequence[Json], port: int) -> Iterator[Json]:
    """Take the pictures and yield what each has in it."""
    command = ["node", "shoot.mjs", str(port), str(DASHBOARDS), str(OUT)]
    with subprocess.Popen(  # noqa: S603 - the command is ours
        command, cwd=BUILD, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        assert process.stdin is not None  # noqa: S101 - for the type
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(json.dumps(shots))
        process.stdin.close()
        yield from map(json.loads, process.stdout)
    if process.returncode:
        raise SystemExit(f"node shoot.mjs: exit status {process.returncode}")


def _run(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - the command is ours


if __name__ == "__main__":
    sys.exit(main())
