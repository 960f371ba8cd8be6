"""Load the configuration from a file, flags and the environment, or report every error at once.

The loader knows the form of the settings. Checks that need other parts of the exporter, such as the names of
collectors, are passed in by :mod:`vault_exporter.checks`.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

from vault_exporter.config.parse import inputs as read_inputs
from vault_exporter.config.parse import values
from vault_exporter.config.parse.addresses import UNIX, default_name
from vault_exporter.config.parse.environment import Flags, target_node, unsupported
from vault_exporter.config.parse.node import Node
from vault_exporter.config.parse.problems import ConfigError, Problem
from vault_exporter.config.parse.reader import Checks, Reader, UnreadError
from vault_exporter.config.schema import inputs, logins, model, watched
from vault_exporter.config.schema.shard import Shard
from vault_exporter.config.schema.web import Web

__all__ = ["READERS", "Check", "ConfigError", "Flags", "Loader", "environment_notices"]

T = TypeVar("T")

_STDIN: Final = "-"
"""Standard input on the command line."""

Check = Callable[[Any], Checks]
"""Takes a struct, and yields wrong keys with a message."""


class Loader:
    """Loads settings.

    Args:
        checks: what else must hold of a struct, by its type.
        load_web: loads the file that ``web_config_file`` names; raises ConfigError.
    """

    def __init__(self, checks: Mapping[type, Check], load_web: Callable[[Path], Web]) -> None:
        self._checks = {**_CHECKS, **checks}
        self._load_web = load_web

    def load(self, path: Path | None, flags: Flags, environ: Mapping[str, str]) -> model.Config:
        """Read and check the settings.

        Targets come from the file; where it names none, ``--address`` or ``BAO_ADDR``/``VAULT_ADDR`` give one.
        Otherwise a flag comes before the file, and ``--audit-log`` adds to the file's logs.

        Args:
            path: the YAML file, or None.
            flags: of the command line.
            environ: the environment's variables.

        Raises:
            ConfigError: with everything that is wrong. No message holds a secret's value.
        """
        return _Loading(self._checks, self._load_web, flags, environ).load(_read(path))

    def load_listen(self, path: Path | None, flags: Flags) -> tuple[model.Listen, Web]:
        """Read only where and how the exporter listens; the rest may be changing under one that runs.

        Raises:
            ConfigError: a file cannot be read, or the address is none.
        """
        file = _read(path)
        keys = file.value if isinstance(file.value, dict) else {}
        node = Node(flags.listen, "--web.listen-address") if flags.listen is not None else keys.get("listen")
        web = Node(flags.web_config_file, "") if flags.web_config_file is not None else keys.get("web_config_file")
        return (
            _value(values.listen, node) if node else model.Listen(),
            self._load_web(_value(values.path, web)) if web else Web(),
        )

    def load_audit(self, path: Path | None) -> model.Audit:
        """Read only what the file says of audit logs; targets and listeners may be anything.

        Raises:
            ConfigError: with everything that is wrong with that.
        """
        file = _read(path)
        node = file.value.get("audit") if isinstance(file.value, dict) else None
        problems: list[Problem] = []
        found = Reader(problems, READERS, self._checks).read(model.Audit, node or Node({}, file.place))
        if problems or not isinstance(found, model.Audit):
            raise ConfigError(tuple(problems))
        return found


def environment_notices(path: Path | None, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Say which variables of the environment are not obeyed, where the environment may name the target.

    Raises:
        ConfigError: the file cannot be read.
    """
    keys = _read(path).value
    named_in_file = isinstance(keys, dict) and ("targets" in keys or "discovery" in keys)
    return () if named_in_file else tuple(unsupported(environ))


def _read(path: Path | None) -> Node:
    if path is None:
        return Node({}, "command line")
    from vault_exporter.config.parse.tree import read_file  # noqa: PLC0415 - only a file takes PyYAML

    return read_file(path)


def _value(reader: Callable[[object], T], node: Node) -> T:
    try:
        return node.read(reader)
    except ValueError as error:
        raise ConfigError((Problem(node.place, str(error)),)) from None


_EVERY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - compared, not bound


class _Loading:
    """One run of the loader, which gathers what is wrong."""

    def __init__(
        self,
        checks: Mapping[type, Check],
        load_web: Callable[[Path], Web],
        flags: Flags,
        environ: Mapping[str, str],
    ) -> None:
        self._checks = checks
        self._load_web = load_web
        self._flags = flags
        self._environ = environ
        self._problems: list[Problem] = []

    def load(self, file: Node) -> model.Config:
        targets = self._put_together(file)
        found = Reader(self._problems, READERS, self._checks).read(model.Config, file)
        config = found if isinstance(found, model.Config) else model.Config()
        self._check_names(targets)
        self._check_web(file)
        with suppress(UnreadError):
            self._check_ports(file, config)
        if not self._problems and not (targets or config.discovery or config.audit.logs or config.audit.inputs):
            self._problem(
                file.place,
                "nothing to monitor; set VAULT_ADDR or --address, list targets in a file and give it with --config, "
                "or follow an audit log with --audit-log",
            )
        if self._problems:
            raise ConfigError(tuple(sorted(dict.fromkeys(self._problems), key=_line)))
        return config

    def _put_together(self, file: Node) -> list[Node]:
        """Merge flags, environment and defaults into the file's tree, and return its targets."""
        keys = file.value
        if not isinstance(keys, dict):
            return []  # the reader says what it should be
        for key, value, flag, variable in (
            ("listen", self._flags.listen, "--web.listen-address", "LISTEN"),
            ("web_config_file", self._flags.web_config_file, "--web.config.file", "WEB_CONFIG_FILE"),
            ("shard", self._flags.shard, "--shard", "SHARD"),
            ("web_enable_lifecycle", self._flags.web_enable_lifecycle or None, "--web.enable-lifecycle", ""),
        ):
            if value is not None:
                # The parser of the command line also reads the variable, and does not say which of them it used.
                is_of_variable = value == self._environ.get(f"VAULT_EXPORTER_{variable}")
                keys[key] = Node(value, f"environment: VAULT_EXPORTER_{variable}" if is_of_variable else flag)
        self._add_audit(keys)
        listed, discovery = keys.get("targets"), keys.get("discovery")
        if listed is not None and not isinstance(listed.value, list):
            return []
        if listed is None and discovery is None:
            targets = self._one_target()
        else:
            targets = listed.value if listed is not None and isinstance(listed.value, list) else []
            self._refuse_flags_of_one_target()
            self._check_tls_is_used(targets)
            if listed is not None and not targets:
                self._problem(listed.place, "no target in the list; add one, or leave the key out")
        defaults = keys.get("defaults")
        if defaults is not None and isinstance(defaults.value, dict):
            targets = [_with_defaults(target, defaults.value) for target in targets]
            if discovery is not None and isinstance(discovery.value, list):
                sources = [_with_defaults(source, defaults.value) for source in discovery.value]
                keys["discovery"] = Node(sources, discovery.place)
        if targets:
            keys["targets"] = Node(targets, listed.place if listed else targets[0].place)
        return targets

    def _one_target(self) -> list[Node]:
        target = target_node(self._flags, self._environ)
        if target is None or not isinstance(target.value, dict):
            for flag, value in (("--token-file", self._flags.token_file), ("--namespace", self._flags.namespace)):
                if value is not None:
                    self._problem(flag, "is for one target, but there is none; set VAULT_ADDR or --address")
            return []
        address = target.value["address"]
        return [Node({"name": Node(_name(address), address.place), **target.value}, target.place)]

    def _refuse_flags_of_one_target(self) -> None:
        for flag, value in (
            ("--address", self._flags.address),
            ("--token-file", self._flags.token_file),
            ("--namespace", self._flags.namespace),
        ):
            if value is not None:
                self._problem(flag, "the file says what the targets are; leave the flag out, or write it in the file")

    def _add_audit(self, keys: dict[str, Node]) -> None:
        added = {}
        if self._flags.audit_from_start:
            added["from_start"] = Node(value=True, place="--audit-from-start")
        if self._flags.audit_checkpoint is not None:
            added["checkpoint"] = Node(self._flags.audit_checkpoint, "--audit-checkpoint")
        audit = keys.get("audit", Node({}, "--audit-log"))
        inner = audit.value if isinstance(audit.value, dict) else {}
        logs = inner.get("logs", Node([], "--audit-log"))
        if self._flags.audit_logs and isinstance(logs.value, list):
            given = [Node(log, "--audit-log") for log in self._flags.audit_logs if log != _STDIN]
            added["logs"] = Node([*logs.value, *given], logs.place)
        others = inner.get("inputs", Node([], "--audit-log"))
        if _STDIN in self._flags.audit_logs and isinstance(others.value, list):
            stdin = Node({"type": Node("stdin", "--audit-log")}, "--audit-log")
            added["inputs"] = Node([*others.value, stdin], others.place)
        if added and (audit.value is None or isinstance(audit.value, dict)):
            keys["audit"] = Node({**inner, **added}, audit.place)

    def _check_names(self, targets: Iterable[Node]) -> None:
        seen: dict[object, str] = {}
        for target in targets:
            if not isinstance(target.value, dict):
                continue
            name = target.value.get("name")
            if name is None or not _good(values.name, name.value):
                continue
            if name.value in seen:
                self._problem(name.place, f"another target has this name ({seen[name.value]}); names must differ")
            else:
                seen[name.value] = name.place

    def _check_ports(self, file: Node, config: model.Config) -> None:
        """Refuse an audit input on the port that the exporter itself listens on."""
        for number, given in enumerate(config.audit.inputs):
            if isinstance(given, inputs.Listening) and _meets(given.listen, config.listen):
                place = _place(file, "audit", "inputs", number, "listen")
                self._problem(place, f"the exporter itself listens on {config.listen}; choose another port")

    def _check_web(self, file: Node) -> None:
        """Check the file that ``web_config_file`` names, even if other keys are wrong."""
        web = file.value.get("web_config_file") if isinstance(file.value, dict) else None
        if web is not None and _good(values.path, web.value):
            try:
                self._load_web(web.read(values.path))
            except ConfigError as error:
                self._problems += error.problems

    def _check_tls_is_used(self, targets: Iterable[Node]) -> None:
        for target in targets:
            keys = target.value if isinstance(target.value, dict) else {}
            address, tls = keys.get("address"), keys.get("tls")
            if tls and address and str(address.value).startswith(("http://", UNIX)):
                self._problem(tls.place, "has no effect, since the address is not https://; use that or leave this out")

    def _problem(self, place: str, message: str) -> None:
        self._problems.append(Problem(place, message))


def _name(address: Node) -> str:
    """Name the one target after its address, where that gives a name."""
    if not _good(values.url, address.value):
        return "target"
    name = default_name(values.url(address.value))
    return name if _good(values.name, name) else "target"


def _meets(one: inputs.Address, other: model.Listen) -> bool:
    """Tell whether two addresses cannot be listened on at the same time."""
    if one.scheme is not inputs.Scheme.TCP or one.port != other.port:
        return False
    return one.host == other.host or not _EVERY_ADDRESS.isdisjoint({one.host, other.host})


def _place(node: Node, *keys: str | int) -> str:
    for key in keys:
        if isinstance(node.value, dict) and key in node.value:
            node = node.value[str(key)]
        elif isinstance(node.value, list) and isinstance(key, int):
            node = node.value[key]
    return node.place


def _line(problem: Problem) -> int:
    """Return the line of a problem in the file; 0 for flags and the environment."""
    match = re.search(r":(\d+)(?:: |$)", problem.place)
    return int(match[1]) if match else 0


def _with_defaults(target: Node, defaults: Mapping[str, Node]) -> Node:
    """Fill in missing keys of a target. ``tls``, ``collectors`` and ``labels`` merge by key, ``auth`` as a whole."""
    if not isinstance(target.value, dict):
        return target
    keys = {key: value for key, value in defaults.items() if key in model.NodeSettings.__struct_fields__}
    merged = {**keys, **target.value}
    for section in ("tls", "collectors", "labels"):
        own, shared = target.value.get(section), defaults.get(section)
        if own and shared and isinstance(own.value, dict) and isinstance(shared.value, dict):
            merged[section] = Node({**shared.value, **own.value}, own.place)
    return Node(merged, target.place)


READERS: Final[dict[object, Callable[[object], object]]] = {
    str: values.text,
    bool: values.boolean,
    int: values.count,
    Path: values.path,
    model.Duration: values.duration,
    model.Listen: values.listen,
    logins.Mount: values.mount,
    watched.Engine: values.engine,
    logins.Password: values.password,
    model.Name: values.name,
    model.AllowedHost: values.allowed_host,
    model.Scheme: values.scheme,
    model.Secret: values.secret,
    model.Size: values.size,
    Shard: values.shard,
    model.Pem: values.pem,
    model.ProxyUrl: values.proxy,
    model.RateLimit: values.rate_limit,
    model.Url: values.url,
    inputs.Address: read_inputs.read_address,
    inputs.Mode: read_inputs.read_mode,
    inputs.Network: read_inputs.read_network,
}
"""Readers of single values by type."""


_CHECKS: Final[dict[type, Check]] = {
    watched.AppRole: watched.check_names,
    watched.Canary: watched.check_canary,
    watched.Database: watched.check_names,
    watched.Kv: watched.check_kv,
    watched.Pki: watched.check_pki,
    **dict.fromkeys(get_args(model.Auth), logins.problems),
    **dict.fromkeys(get_args(inputs.Input), read_inputs.problems),
}
"""Further checks of a struct, beyond the types of its keys."""


def _good(reader: Callable[[object], object], value: object) -> bool:
    try:
        reader(value)
    except ValueError:
        return False
    return True
