"""Each fault alone, on each Prometheus that is there; VictoriaMetrics; and the demo. ``make doctor-test`` runs it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.doctor.broken import BROKEN, HARMLESS, Broken, Harmless
from tests.doctor.pages import PageServer
from tests.doctor.stage import RULES, SCRAPED, Stage, examined, good_case, is_ready, stage
from tests.lab.tools import FETCHED, versions
from tests.lab.waiting import PATIENCE, wait_until
from vault_exporter.demo.process import Service, free_port, program

PROGRAMS = versions("prometheus")
VICTORIA = FETCHED / "victoria" / "usr" / "bin"


@pytest.fixture(scope="module", params=list(PROGRAMS.values()), ids=list(PROGRAMS))
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with stage(tmp_path_factory.mktemp("stage"), program=request.param, prefix="/prometheus") as started:
        yield started


def test_a_good_chain_has_no_finding(chain: Stage) -> None:
    chain.play(chain.good())
    assert chain.examined(until=lambda report: not report.findings).findings == ()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_chain_is_found(chain: Stage, broken: Broken) -> None:
    chain.grafana.reset()
    case = chain.good()
    broken.how(case, chain)
    chain.play(case)
    report = chain.examined(until=lambda report: report.checks == broken.checks and broken.is_said(report))
    assert report.checks == broken.checks
    assert broken.is_said(report)
    assert report.status == {"info": 0, "warning": 1, "critical": 2}[report.findings[0]["level"]]


@pytest.mark.parametrize("harmless", [row for rows in HARMLESS for row in rows], ids=lambda harmless: harmless.name)
def test_what_is_no_fault_is_not_found(chain: Stage, harmless: Harmless) -> None:
    chain.grafana.reset()
    case = chain.good()
    harmless.how(case, chain)
    chain.play(case)
    assert chain.examined(until=lambda report: not report.findings).findings == ()


def test_victoriametrics_and_vmalert_have_no_finding(tmp_path: Path) -> None:
    with PageServer() as pages:
        case = good_case(pages, "127.0.0.1:1")
        pages.pages = case.texts()
        (tmp_path / "scrape.yml").write_text(yaml.safe_dump({"scrape_configs": case.jobs, "global": SCRAPED}))
        listen = [f"127.0.0.1:{free_port()}" for _ in range(2)]
        urls = [f"http://{address}" for address in listen]
        # By default, it finds samples only after 30 s.
        series = ["victoria-metrics", "-search.latencyOffset=0s", f"-storageDataPath={tmp_path / 'data'}"]
        series += [f"-httpListenAddr={listen[0]}", f"-promscrape.config={tmp_path / 'scrape.yml'}"]
        rules = ["vmalert", f"-httpListenAddr={listen[1]}", "-evaluationInterval=1s", f"-rule={RULES}/*.yml"]
        rules += [f"-{what}.url={urls[0]}" for what in ("datasource", "remoteWrite", "notifier")]
        with (
            Service("series", [VICTORIA / series[0], *series[1:]], log=tmp_path / "series") as one,
            Service("rules", [VICTORIA / rules[0], *rules[1:]], log=tmp_path / "rules") as other,
        ):
            for service, url in ((one, urls[0]), (other, urls[1])):
                service.wait_until(lambda url=url: is_ready(f"{url}/health"), timeout=PATIENCE)  # type: ignore[misc]
            arguments = ("--prometheus", urls[0], "--rules", urls[1])
            wait_until(lambda: not examined(*arguments).findings, what="no finding")
            report = examined(*arguments)
    assert report.findings == ()
    assert report.notes[:2] == (
        "The ruler has no /api/v1/alertmanagers here: the Alertmanagers that alerts are sent to were not checked",
        "VictoriaMetrics does not say scrape intervals and timeouts: they were not checked",
    )


def test_the_chain_of_the_demo_has_no_finding(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with Service("demo", [program("vault-exporter"), "demo"], log=log, env={"TMPDIR": str(tmp_path)}) as demo:
        demo.wait_until(lambda: "requests/s" in log.read_text(), timeout=PATIENCE, what="a look at the exporter")
        text = log.read_text()
        address = re.findall(r"^Prometheus +(http://\S+)", text, re.MULTILINE)[0]
        config = re.findall(r"configured by (\S+)", text)[0]
        arguments = ("--prometheus", address, "--config", config)
        # Until the first scrapes and evaluations are done, something is missing.
        wait_until(lambda: not examined(*arguments).findings, what="no finding", interval=1)
        report = examined(*arguments)
        assert (report.status, report.findings) == (0, ())
