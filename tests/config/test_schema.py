"""The JSON Schema of the configuration takes what the loader takes, and refuses unknown keys."""

import ast
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.config.bad import CASES
from tests.lab.waiting import PATIENCE
from vault_exporter.checks import ConfigError, Flags, load
from vault_exporter.demo.process import program

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/configuration.md", "docs/vms.md")
OF_OTHERS = re.compile(r"^(scrape_configs|tls_server_config|modules|global):", re.MULTILINE)
"""Keys of Prometheus' configuration and of the exporter-toolkit's web configuration."""

OURS = re.compile(r"^(targets|discovery|defaults|audit):", re.MULTILINE)


@pytest.fixture(scope="module")
def schema() -> Draft7Validator:
    done = subprocess.run([program("vault-exporter"), "schema"], check=True, capture_output=True, timeout=PATIENCE)
    document: dict[str, Any] = json.loads(done.stdout)
    Draft7Validator.check_schema(document)
    return Draft7Validator(document)


def errors(schema: Draft7Validator, text: str) -> list[str]:
    return [f"{error.json_path}: {error.message}" for error in schema.iter_errors(yaml.safe_load(text))]


def blocks() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in re.findall(r"```yaml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
            if not OF_OTHERS.search(block):
                yield page, block


def loaded(directory: Path) -> Iterator[str]:
    """Yield the texts in the code of the tests that are good configurations."""
    config = directory / "c.yml"
    for source in sorted((ROOT / "tests").rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text())):
            if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and OURS.search(node.value)):
                continue
            config.write_text(node.value)
            try:
                load(config, Flags(), {})
            except (ConfigError, ValueError):
                continue
            yield node.value


def test_documented_configurations_are_good(schema: Draft7Validator) -> None:
    found = list(blocks())
    assert {page for page, _ in found} == set(PAGES)
    assert [(page, problem) for page, text in found for problem in errors(schema, text)] == []


def test_what_the_loader_takes_is_good(schema: Draft7Validator, tmp_path: Path) -> None:
    texts = set(loaded(tmp_path))
    assert len(texts) > 10
    assert {text: found for text in texts if (found := errors(schema, text))} == {}


@pytest.mark.parametrize(
    "text", [text for _, text, lines in CASES if any("unknown key" in line for line in lines)], ids=str.strip
)
def test_unknown_keys_are_refused(schema: Draft7Validator, text: str) -> None:
    assert errors(schema, text) != []


@pytest.mark.parametrize(
    "text",
    [
        "defaults: {timeout: 5}",
        "defaults: {timeout: ''}",
        "defaults: {timeout: 5 minutes}",
        "defaults: {max_response_bytes: 16 MB/s}",
        "defaults: {rate_limit: fast}",
        "defaults: {auth: {method: magic}}",
        "defaults: {auth: {method: kubernetes}}",
        "targets: [{name: a}]",
        "targets: [{name: a, address: vault.example.com}]",
        "audit: {format: json}",
        "audit: {inputs: [{type: socket, listen: 'ftp://:1'}]}",
        "discovery: [{type: dns, name: a, scheme: ftp}]",
    ],
)
def test_wrong_values_are_refused(schema: Draft7Validator, text: str) -> None:
    assert errors(schema, text) != []


def test_keys_of_a_discovery_may_come_from_the_defaults(schema: Draft7Validator) -> None:
    text = "defaults: {cluster: prod}\ndiscovery: [{type: cluster, address: 'https://vault.example.com:8200'}]\n"
    assert errors(schema, text) == []


def test_keys_are_described(schema: Draft7Validator) -> None:
    document: Any = schema.schema
    target = document["definitions"]["Target"]["properties"]
    assert target["timeout"]["description"].startswith("Deadline of a scrape")
    assert target["max_response_bytes"]["default"] == 16 << 20


@pytest.mark.parametrize("name", ["auto", "plain", "stdout", "cri", "docker"])
def test_each_format_of_audit_logs_can_be_given(schema: Draft7Validator, tmp_path: Path, name: str) -> None:
    config = tmp_path / "c.yml"
    text = f"audit: {{logs: [audit.log], format: {name}}}\n"
    config.write_text(text)
    assert load(config, Flags(), {}).audit.format == name
    assert errors(schema, text) == []
