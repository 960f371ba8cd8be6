"""The status page: what the exporter watches, and what it saw last."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from html import escape
from typing import Final
from urllib.parse import quote

from vault_exporter import __version__
from vault_exporter.metrics import catalogue as c
from vault_exporter.metrics.family import Family
from vault_exporter.scrape.scraper import Scrape, TargetScraper

__all__ = ["HEADERS", "landing", "state"]

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
}

_MOST_PROBLEMS: Final = 3
"""Failing collectors of a target that are shown."""
_STYLE: Final = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .8rem;border-bottom:1px solid #8884}
.s{border-radius:1rem;padding:.1rem .7rem;color:#fff;background:#666}
.active{background:#2e7d32}.standby{background:#1565c0}.sealed,.uninitialized{background:#b26a00}.down{background:#c62828}
"""


def state(scrape: Scrape | None) -> str:
    """Say in a word what a scrape saw: active, standby, sealed, uninitialized, down, unsealed, or not scraped yet."""
    if scrape is None:
        return "not scraped yet"
    if not _value(scrape, c.UP):
        return "down"
    if _value(scrape, c.INITIALIZED) == 0:
        return "uninitialized"
    if _value(scrape, c.SEALED):
        return "sealed"
    if _value(scrape, c.ACTIVE):
        return "active"
    return "standby" if _value(scrape, c.STANDBY) or _value(scrape, c.PERFORMANCE_STANDBY) else "unsealed"


def landing(targets: Iterable[TargetScraper], logs: Iterable[str], top: str) -> str:
    """Render the page.

    Args:
        targets: what is scraped.
        logs: where audit entries come from.
        top: the section on who asks, as HTML.
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
    seen = state(scrape)
    name = f'<a href="/probe?target={quote(target.name)}">{escape(target.name)}</a>'
    badge = f'<span class="s {seen.split()[0]}">{seen}</span>{escape(_why(scrape))}'
    when = datetime.fromtimestamp(scrape.finished, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if scrape else ""
    badge += "".join(f"<br><small>{escape(problem)}</small>" for problem in _problems(scraper))
    cells = (name, f"<code>{escape(target.address)}</code>", badge, escape(_version(scrape)), when)
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _value(scrape: Scrape, family: Family) -> float | None:
    return next((sample.value for sample in scrape.samples if sample.family is family), None)


def _why(scrape: Scrape | None) -> str:
    reasons = (s.labels[0] for s in scrape.samples if s.family is c.UP_FAILURE_REASON and s.value) if scrape else ()
    return "".join(f" {reason}" for reason in reasons)


def _problems(scraper: TargetScraper) -> Iterator[str]:
    """Yield what the first few collectors that fail say, with Vault's own words."""
    samples = scraper.last.samples if scraper.last else ()
    failing = [sample.labels[0] for sample in samples if sample.family is c.COLLECTOR_FAILURE]
    for name in failing[:_MOST_PROBLEMS]:
        yield f"{name}: {scraper.detail(name)}"
    if len(failing) > _MOST_PROBLEMS:
        yield f"and {len(failing) - _MOST_PROBLEMS} more"


def _version(scrape: Scrape | None) -> str:
    versions = (s.labels[0] for s in scrape.samples if s.family is c.INFO) if scrape else ()
    return next(iter(versions), "")
