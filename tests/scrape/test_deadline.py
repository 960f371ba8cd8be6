"""The time a scrape may take, from Prometheus' header."""

import pytest

from vault_exporter.web.exposition import deadline


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("10", 9.5),
        ("10.5", 10.0),
        ("1", 0.5),
        ("0.4", 0.2),
        ("86400", 120.0),
        (None, 5.0),
        ("", 5.0),
        ("soon", 5.0),
        ("0", 5.0),
        ("-3", 5.0),
        ("nan", 5.0),
        ("inf", 5.0),
    ],
)
def test_deadline(header: str | None, seconds: float) -> None:
    assert deadline(header, default=5.0) == pytest.approx(seconds)
