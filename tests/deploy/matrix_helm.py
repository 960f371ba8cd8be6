"""Each set of values with each Helm and for each Kubernetes: ``make deploy-test`` runs this file."""

import pytest

from scripts.fetch_helm import PACKAGES
from tests.deploy.chart import CHART, KUBERNETES, SETS, helm, template, validate


@pytest.mark.parametrize("version", PACKAGES)
def test_lint(version: str) -> None:
    for values in SETS.values():
        done = helm("lint", "--strict", CHART, "--values", values, version=version)
        assert done.returncode == 0, (values, done.stdout)


@pytest.mark.parametrize("kubernetes", KUBERNETES)
@pytest.mark.parametrize("values", SETS)
def test_objects_are_valid_and_the_same_with_each_helm(values: str, kubernetes: str) -> None:
    three, four = (template(SETS[values], version=version, kubernetes=kubernetes) for version in PACKAGES)
    assert three == four
    for one in four:
        validate(one, kubernetes)
