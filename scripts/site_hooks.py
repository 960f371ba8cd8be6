"""Puts the documents that lie outside ``docs/`` into the site, and turns links between files into links between pages.

The README is the first page, and each folder keeps its own README and runbooks beside what they are about. The hooks
are those of MkDocs: https://www.mkdocs.org/dev-guide/plugins/#events
"""

import os.path
import posixpath
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
ELSEWHERE: Final[Mapping[str, str]] = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "alerts/README.md": "alerts/index.md",
    "dashboards/README.md": "dashboards.md",
    "deploy/systemd/README.md": "systemd.md",
}
"""Documents outside ``docs/``, and their pages."""

_LINK: Final = re.compile(r"(\[(?:[^\]\[]|\[[^\]]*\])*\])\((?!\w+:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents from outside ``docs/``."""
    for source, page in _pages().items():
        if not source.startswith("docs/"):
            files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs passes it by name
    """Turn each link to a file of the repository into one to its page; a file without a page keeps its name only."""
    pages = _pages()
    here = {target: source for source, target in pages.items()}.get(page.file.src_uri, f"docs/{page.file.src_uri}")

    def replaced(link: re.Match[str]) -> str:
        text, target, anchor = link[1], link[2], link[3] or ""
        source = posixpath.normpath(posixpath.join(posixpath.dirname(here), target))
        if not (ROOT / source).exists():
            return link[0]  # the strict build complains of it
        uri = pages.get(source) or pages.get(f"{source}/README.md") or source.removeprefix("docs/")
        if files.get_file_from_path(uri) is None:
            return text[1:-1]
        return f"{text}({os.path.relpath(uri, posixpath.dirname(page.file.src_uri) or '.')}{anchor})"

    return _LINK.sub(replaced, markdown)


def _pages() -> dict[str, str]:
    runbooks = {f"alerts/runbooks/{path.name}": f"alerts/runbooks/{path.name}" for path in _runbooks()}
    return dict(ELSEWHERE) | runbooks


def _runbooks() -> list[Path]:
    return sorted((ROOT / "alerts/runbooks").glob("*.md"))
