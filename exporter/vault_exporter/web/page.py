"""The status page: the targets with their last scrape, and the audit logs."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote

from vault_exporter import __version__
from vault_exporter.scrape.node_state import NodeState
from vault_exporter.scrape.scraper import Scrape, TargetScraper

__all__ = ["HEADERS", "landing"]

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}

_MOST_PROBLEMS: Final = 3
"""Limit of failing collectors shown for each target."""
_STYLE: Final = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #8884}
.s{border-radius:1rem;padding:.1rem .7rem;color:#fff;background:#666}
.active{background:#2e7d32}.standby{background:#1565c0}.sealed,.uninitialized{background:#b26a00}.down{background:#c62828}
"""


def landing(targets: Iterable[TargetScraper], logs: Iterable[str], top: str) -> str:
    """Render the page.

    Args:
        targets: the scrapers of the targets.
        logs: names of the audit logs and inputs.
        top: the section on the most frequent clients, as HTML.
    """
    rows = "".join(map(_row, targets))
    followed = "".join(f"<li><code>{escape(log)}</code></li>" for log in logs)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<title>vault-exporter</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>vault-exporter</h1>
<p>Version {escape(__version__)}. <a href="/metrics">Metrics</a></p>
<h2>Targets</h2>
{_table(rows) if rows else "<p>None configured.</p>"}
<h2>Audit logs</h2>
{f"<ul>{followed}</ul>" if followed else "<p>None followed.</p>"}
{top}
</body>
</html>
"""


def _table(rows: str) -> str:
    return (
        "<table><thead><tr><th>Target</th><th>Address</th><th>State</th><th>Version</th><th>Last scrape</th></tr>"
        f"</thead><tbody>{rows}</tbody></table>"
    )


def _row(scraper: TargetScraper) -> str:
    target, scrape = scraper.target, scraper.last
    state = scrape.state if scrape is not None else NodeState()
    seen = state.mode if scrape is not None else "not scraped yet"
    name = f'<a href="/probe?target={quote(target.name)}">{escape(target.name)}</a>'
    badge = f'<span class="s {seen.split()[0]}">{seen}</span> {escape(state.failure or "")}'.rstrip()
    when = datetime.fromtimestamp(scrape.finished, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if scrape else ""
    badge += "".join(f"<br><small>{escape(problem)}</small>" for problem in _problems(scrape))
    cells = (name, f"<code>{escape(target.address)}</code>", badge, escape(state.version), when)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _problems(scrape: Scrape | None) -> Iterator[str]:
    """Yield the errors of the first failing collectors, with Vault's own error messages."""
    failing = [one for one in scrape.outcomes if one.detail] if scrape is not None else []
    for one in failing[:_MOST_PROBLEMS]:
        yield f"{one.name}: {one.detail}"
    if len(failing) > _MOST_PROBLEMS:
        yield f"and {len(failing) - _MOST_PROBLEMS} more"
