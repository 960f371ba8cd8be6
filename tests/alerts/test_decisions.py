"""Each metric has an alert, a panel, or a reason for neither, and the page that says so is current."""

from alerts.decisions import DOCUMENT, document, nothing, undecided
from vault_exporter.metrics.catalogue import NAMES


def test_each_metric_is_decided_on() -> None:
    assert undecided() == set()


def test_each_reason_is_of_a_metric_without_an_alert() -> None:
    assert set(nothing()) <= NAMES
    for line in document().splitlines():
        name = line.partition("`")[2].partition("`")[0]
        if name in nothing():
            assert f"| none: {nothing()[name]} |" in line, f"{name} has an alert now"


def test_the_page_is_current() -> None:
    assert DOCUMENT.read_text() == document(), "run make generate"
