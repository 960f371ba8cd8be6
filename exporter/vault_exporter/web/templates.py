"""The HTML of the pages for people: templates of Jinja2, which escapes every value.

The pages load nothing. Their style and their script are part of the page, and the policy allows these by their hash.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from aiohttp import web
from markupsafe import Markup

if TYPE_CHECKING:
    import jinja2

from vault_exporter.util.printable import printable

__all__ = ["HEADERS", "page"]

_FOLDER: Final = Path(__file__).with_name("templates")
_STYLE: Final = (_FOLDER / "style.css").read_text(encoding="utf-8")
_SCRIPT: Final = (_FOLDER / "refresh.js").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; connect-src 'self'; "
        "form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
}
"""Headers of every page."""


def _printable(value: object) -> object:
    """Replace control characters, and those that turn the direction of text, in all that is not our own HTML."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return printable(value, keep_lines=True)


@cache
def _environment() -> "jinja2.Environment":
    import jinja2  # noqa: PLC0415 - only whoever opens a page needs it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "style": Markup(_STYLE),  # noqa: S704 - our own file
        "script": Markup(_SCRIPT),  # noqa: S704 - our own file
        "refresh": 0,
        "known": False,
    }
    return environment


def page(template: str, **values: object) -> web.Response:
    """Render a template as a response.

    Args:
        template: its file name.
        values: its values. ``known`` says whether the client is authenticated; ``refresh`` is the number of seconds
            after which the page refreshes itself, or 0.
    """
    text = _environment().get_template(template).render(values)
    return web.Response(text=text, content_type="text/html", headers=HEADERS)
