"""docs/configuration.md is complete and true."""

import re
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin

import msgspec
import trustme
import typer
from typer.main import get_command

from vault_exporter.checks import Flags, load
from vault_exporter.cli.table import assembled
from vault_exporter.config.schema.inputs import Address, Scheme, SocketInput
from vault_exporter.config.schema.model import (
    AllowedEvents,
    Audit,
    Config,
    EventRule,
    Listen,
    RateLimit,
    Target,
    Telemetry,
)
from vault_exporter.config.schema.shard import Shard
from vault_exporter.config.schema.watched import AppRole, Canary, Database, Kv, Pki

DOCUMENT = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
FIRST_CELLS = re.findall(r"^\| (`[^|]+`) \|", DOCUMENT, re.MULTILINE)
DOCUMENTED = {word for cell in FIRST_CELLS for word in re.findall(r"`([^`]+)`", cell)}

SCALARS = frozenset({Address, Listen, RateLimit, Shard})
"""Structs that are written as one value."""


def keys(kind: Any, path: str = "") -> Iterator[str]:
    """Yield every key that the settings' types have, as the document writes them."""
    if get_origin(kind) in {Union, types.UnionType}:
        for argument in get_args(kind):
            yield from keys(argument, path)
    elif get_origin(kind) is tuple:
        yield from keys(get_args(kind)[0], f"{path}[]")
    elif isinstance(kind, type) and issubclass(kind, msgspec.Struct) and kind not in SCALARS:
        if path.endswith("[]"):
            yield path
        if kind.__struct_config__.tag_field:
            yield f"{path}.{kind.__struct_config__.tag_field}"
        for field in msgspec.structs.fields(kind):
            yield from keys(field.type, f"{path}.{field.name}" if path else field.name)
    elif kind is not types.NoneType:
        yield path


def test_every_key_and_no_other() -> None:
    sections = "|".join(Config.__struct_fields__)
    documented = {word for word in DOCUMENTED if re.match(rf"({sections})\b", word)}
    written = set(keys(Config))
    # What holds for a target holds for those that are found and for the defaults, and is said once.
    shared = {key for key in written if re.sub(r"^(discovery\[\]|defaults)", "targets[]", key) in written - {key}}
    assert documented - shared == written - shared | {"defaults"}


def test_every_flag_and_no_other() -> None:
    commands = get_command(assembled(()))
    assert isinstance(commands, typer.core.TyperGroup)
    flags = {
        option
        for name in ("serve", "check")
        for parameter in commands.commands[name].params
        for option in parameter.opts
    }
    assert {word for word in DOCUMENTED if word.startswith("-")} == flags


def test_the_example_is_good(tmp_path: Path) -> None:
    example = re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL)[0]
    token, certificate = tmp_path / "token", tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(certificate)
    path = tmp_path / "c.yml"
    path.write_text(
        example.replace("/etc/vault-exporter/token", str(token)).replace("/etc/vault/ca.pem", str(certificate))
    )
    config = load(path, Flags(), {})
    assert [target.name for target in config.targets] == ["vault-1", "vault-2"]
    assert config.targets[1].tls.ca_cert == certificate
    assert config.targets[1].tls.server_name == "vault"


def test_defaults_are_those_of_the_types() -> None:
    rows = dict(re.findall(r"^\| `([^`]+)` \| `([^`]+)` \|", DOCUMENT, re.MULTILINE))
    written = {
        key: rows[key] for key in rows if re.match(r"(targets|telemetry|audit|kv|pki|approle|database|canary)\b", key)
    }
    defaults = {}
    for key in written:
        struct = key.split(".")[0].removesuffix("[]")
        defaults[key] = _default(struct, key.split(".")[1:])
    assert written == defaults


def _default(section: str, path: list[str]) -> str:
    audit = Audit(inputs=(SocketInput(listen=Address(Scheme.TCP)),))
    value: Any = {
        "targets": Target("n", "http://n"),
        "telemetry": Telemetry(),
        "audit": audit,
        "kv": Kv("secret", ("path",)),
        "canary": Canary("secret"),
        "pki": Pki("pki"),
        "approle": AppRole(("role",)),
        "database": Database(("role",)),
    }[section]
    for name in path:
        value = getattr(value, name.removesuffix("[]"))
        if name == "rules[]":
            value = EventRule("event")
        if name == "allow[]":
            value = AllowedEvents(("event",))
        if name == "inputs[]":
            (value,) = value
    if path[-1] == "mode":
        return f'"{value:04o}"'
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value / 3600:g}h" if value >= 3600 else f"{value:g}s"
    return f"{value >> 20}MiB" if value >= 1 << 20 else str(value)


def test_the_example_of_what_to_look_after_is_good(tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    path.write_text("targets: [{name: n1, address: 'http://n1'}]\n" + _example("kv:"))
    config = load(path, Flags(), {})
    assert config.kv[0].max_age == 90 * 86_400
    assert config.canary == Canary("canary")
    assert [backup.name for backup in config.backup] == ["daily"]


def _example(start: str) -> str:
    (found,) = (text for text in re.findall(r"```yaml\n(.*?)```", DOCUMENT, re.DOTALL) if text.startswith(start))
    return str(found)
