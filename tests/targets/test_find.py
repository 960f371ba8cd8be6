"""What is found in files and in DNS, and what is said where nothing is."""

from pathlib import Path

import pytest

from vault_exporter.config.schema.model import DnsDiscovery, FileDiscovery, Target
from vault_exporter.targets.discovery.file_sd import Files
from vault_exporter.targets.discovery.find import DiscoveryError, find_in_dns


def found(directory: Path, text: str, name: str = "t.yml") -> list[tuple[str, str, str | None, dict[str, str]]]:
    (directory / name).write_text(text)
    targets = Files(FileDiscovery(path=directory / "t*", cluster="usual", labels={"team": "ops"})).find()
    return [(target.name, target.address, target.cluster, target.labels) for target in targets]


def test_the_format_of_prometheus(tmp_path: Path) -> None:
    assert found(
        tmp_path,
        """
- targets: [v1:8200, "[::1]:8200"]
- targets: [10.0.0.1:8200]
  labels: {cluster: other, instance: n3, __scheme__: http, zone: a, __meta_x: y}
""",
    ) == [
        ("v1:8200", "https://v1:8200", "usual", {"team": "ops"}),
        ("[::1]:8200", "https://[::1]:8200", "usual", {"team": "ops"}),
        ("n3", "http://10.0.0.1:8200", "other", {"team": "ops", "zone": "a"}),
    ]
    json = '[{"targets": ["https://v4/vault"], "labels": {}}]'
    assert found(tmp_path, json, "t2.json")[3:] == [("v4", "https://v4/vault", "usual", {"team": "ops"})]


def test_empty_files_have_no_targets(tmp_path: Path) -> None:
    assert found(tmp_path, "") == []
    assert found(tmp_path, "[]") == []
    assert found(tmp_path, "null") == []


BOMB = "- &a0 {targets: [v1]}\n" + "".join(
    f"- &a{number} {{<<: [*a{number - 1}, *a{number - 1}]}}\n" for number in range(1, 60)
)
"""Merged, each is twice the last."""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- targets: [", ":1: neither YAML nor JSON"),
        ("- targets:\n\t- v1\n", ":2: neither YAML nor JSON: invalid YAML at column 1: a tab; indent with spaces"),
        ("targets: [v1]", ": not in the format of Prometheus' file_sd_configs: Expected `array`, got `object`"),
        ('[{"targets": ["v1"], "labels": {"a": 1}}]', "Expected `str`, got `int` - at `$[0].labels[...]`"),
        ('[{"targets": ["v1"]', ":1: neither YAML nor JSON"),
        ("- labels: {}", "missing required field `targets`"),
        (
            "- targets: ['v1:http']",
            "[0].targets[0]: not a URL: bad host or port; write it like https://vault.example.com:8200",
        ),
        ("- targets: [v1, v2/v1]", ": [0].targets[1]: ends in /v1; leave that out"),
        ("- targets: [v1]\n  label: {cluster: prod}", "Object contains unknown field `label`"),
        ("- targets: [v1]\n  labels: {__scheme__: ftp}", ": [0].labels: __scheme__ is not known; it is http or https"),
        ("- targets: [v1]\n  labels: {instance: a b}", ": [0].labels: instance is not a name; use letters, digits"),
        ('[{"targets": ["v1"], "labels": {"a b": "1"}}]', ": [0].labels: a name is not of letters, digits and _"),
        ("- targets: [v1]\n  labels: {'': x}", ": [0].labels: a name is not of letters, digits and _"),
        ('- targets: [v1]\n  labels: {cluster: "\\ud800"}', ":2: neither YAML nor JSON"),
        ('- targets: [v1]\n  labels: {cluster: "\\e[31m"}', ".labels: cluster has characters that cannot be printed"),
        ("- targets: [v1]\n  labels: {a: 2026-99-99}", ": neither YAML nor JSON"),
        ("- targets: [v1]\n  labels: {a: !!timestamp x}", ": neither YAML nor JSON"),
        ("- " * 100_000, ":1: nested too deeply"),
        ("- targets: [v1]\n  labels: {a: 1" + ":10" * 100_000 + "}", ": neither YAML nor JSON"),
        ("".join(f"%TAG !{n}! x\n" for n in range(60_000)), ":1: more than 100 times %TAG"),
        (BOMB, ": has an alias (*name); write out what it stands for"),
        ("- targets: [v1, v1]", ": v1 is there twice; names (label instance) must differ"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DiscoveryError) as caught:
        found(tmp_path, text)
    assert str(caught.value).startswith(f"{tmp_path}/t.yml")
    assert message in str(caught.value)


def test_no_file_is_a_failure(tmp_path: Path) -> None:
    with pytest.raises(DiscoveryError, match="there is no such file"):
        Files(FileDiscovery(path=tmp_path / "none.yml")).find()


def test_only_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    one, two = tmp_path / "t1.yml", tmp_path / "t2.json"
    one.write_text("- targets: [v1:8200]")
    two.write_text('[{"targets": ["v2:8200"]}]')
    files = Files(FileDiscovery(path=tmp_path / "t*"))
    first = files.find()
    two.write_text('[{"targets": ["v3:8200"]}]')
    second = files.find()
    assert [target.name for target in second] == ["v1:8200", "v3:8200"]
    assert second[0] is first[0]
    one.unlink()
    two.write_text("[{")
    with pytest.raises(DiscoveryError, match="neither YAML nor JSON"):
        files.find()
    one.write_text("- targets: [v1:8200]")
    two.unlink()
    assert files.find() == first[:1]


async def test_every_address_of_a_name() -> None:
    (target,) = await find_in_dns(DnsDiscovery(name="127.0.0.1", port=8300, scheme="http", cluster="dev"))
    assert target == Target("127.0.0.1:8300", "http://127.0.0.1:8300", cluster="dev")
    # Certificates are for the name, not for the addresses.
    secure = await find_in_dns(DnsDiscovery(name="localhost"))
    assert {target.tls.server_name for target in secure} == {"localhost"}
    assert "https://127.0.0.1:8200" in {target.address for target in secure}


async def test_a_name_that_does_not_resolve() -> None:
    for name in ("no-such-host.invalid", "a..b"):
        with pytest.raises(DiscoveryError, match="the name does not resolve"):
            await find_in_dns(DnsDiscovery(name=name))
