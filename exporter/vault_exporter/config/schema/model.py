"""The exporter's settings: frozen, complete, and already validated.

Only :mod:`vault_exporter.config.load` creates a :class:`Config`, so every one has been checked.
Durations are seconds, sizes are bytes.
"""

import enum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from vault_exporter.config.schema.inputs import Input
from vault_exporter.config.schema.logins import Auth, Login, NoAuth, TokenAuth
from vault_exporter.config.schema.secret import Secret
from vault_exporter.config.schema.shard import Shard
from vault_exporter.config.schema.watched import Backup, Watched

__all__ = [
    "DEFAULT_PORT",
    "AllowedEvents",
    "AllowedHost",
    "Audit",
    "AuditFormat",
    "Auth",
    "ClusterDiscovery",
    "Collectors",
    "Config",
    "Discoveries",
    "Discovery",
    "DnsDiscovery",
    "Duration",
    "EventRule",
    "Events",
    "Exclude",
    "FileDiscovery",
    "Listen",
    "Login",
    "Name",
    "NoAuth",
    "NodeSettings",
    "Pem",
    "ProxyUrl",
    "RateLimit",
    "Scheme",
    "Secret",
    "Size",
    "Target",
    "Telemetry",
    "Threshold",
    "Tls",
    "TokenAuth",
    "Top",
    "Url",
]

DEFAULT_PORT: Final = 9410

Duration = Annotated[float, "duration"]
"""Seconds, written as Prometheus does: ``5s``, ``1m30s``."""

Size = Annotated[int, "size"]
"""Bytes, written as a number or with a unit: ``16MiB``."""

Url = Annotated[str, "url"]
"""Base URL of an API, without a trailing slash."""

ProxyUrl = Annotated[Secret, "proxy"]
"""URL of an HTTP proxy; secret because it may hold a password."""

Pem = Annotated[str, "pem"]
"""The text of certificates in PEM format."""

AllowedHost = Annotated[str, "allowed host"]
"""A host name, ``*.`` and a domain, or a network of IP addresses, in lower case."""

Scheme = Annotated[str, "scheme"]
"""``http`` or ``https``."""

Name = Annotated[str, "name"]
"""Name of a target, valid in ``?target=`` and as a label value."""


class Listen(msgspec.Struct, frozen=True):
    """Where the exporter listens; an empty host is every address."""

    host: str = ""
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class RateLimit(msgspec.Struct, frozen=True):
    """Limit of requests: ``rate`` per second, and ``burst`` at once."""

    rate: float
    burst: int


class Tls(msgspec.Struct, frozen=True):
    """TLS settings of the client, named like ``VAULT_CACERT`` and the other variables of the command line."""

    ca_cert: Path | None = None
    ca_cert_bytes: Pem | None = None
    ca_path: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class Collectors(msgspec.Struct, frozen=True):
    """Changes to the set of collectors that run by default."""

    enable: tuple[str, ...] = ()
    """Collectors to run that are off by default."""
    disable: tuple[str, ...] = ()
    intervals: dict[str, Duration] = {}
    """Name of a collector → minimum seconds between two runs; scrapes in between publish the last good result."""


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that a target has, and that all targets of a discovery share."""

    cluster: str | None = None
    namespace: str | None = None
    timeout: Duration = 5.0
    """Deadline of a scrape in seconds, if the request has no ``X-Prometheus-Scrape-Timeout-Seconds``."""
    max_response_bytes: Size = 16 << 20
    proxy: ProxyUrl | None = None
    """Proxy to connect through."""
    rate_limit: RateLimit | None = None
    """Limit of requests to the node; requests beyond it wait."""
    tls: Tls = Tls()
    auth: Auth = NoAuth()
    collectors: Collectors = Collectors()
    labels: dict[str, str] = {}
    """Extra labels of the target in ``/sd``."""


class Target(NodeSettings, frozen=True):
    """One node to scrape.

    ``address`` is its API's base URL without a trailing slash or ``/v1``, or ``unix://`` and a socket's path.
    """

    name: Name
    address: Url


class Discovery(NodeSettings, frozen=True, kw_only=True, tag_field="type"):
    """A source of targets."""

    interval: Duration = 30.0
    """Seconds between two look-ups."""
    keep: Duration | None = None
    """Seconds for which a target stays after its source stops listing it."""
    max_targets: int = 1000
    """Maximum number of targets; the rest is dropped, since each takes memory, connections and logins."""

    def __str__(self) -> str:
        return f"{self.type} {self.source}"

    @property
    def type(self) -> str:
        """``cluster``, ``dns`` or ``file``."""
        return str(self.__struct_config__.tag)

    @property
    def source(self) -> str:
        """What tells it from other sources of its type."""
        raise NotImplementedError

    def target(self, name: str, address: str, **changes: Any) -> Target:  # noqa: ANN401 - values of keys
        """Return a target with this source's settings."""
        shared = {key: getattr(self, key) for key in NodeSettings.__struct_fields__}
        return Target(name, address, **shared | changes)


class ClusterDiscovery(Discovery, frozen=True, kw_only=True, tag="cluster"):
    """All nodes of a cluster, from ``sys/ha-status`` of the node at ``address``."""

    address: Url
    cluster: str
    allow: tuple[AllowedHost, ...] = ()
    """Hosts that nodes may have, in addition to the host of ``address``; empty allows any."""
    keep: Duration | None = 3600.0
    """Vault stops listing a dead node after a while. It stays a target, so that its alert goes on."""

    @property
    def source(self) -> str:
        """The address."""
        return self.address


class DnsDiscovery(Discovery, frozen=True, kw_only=True, tag="dns"):
    """All addresses of a DNS name, such as a headless service."""

    name: str
    port: int = 8200
    scheme: Scheme = "https"

    @property
    def source(self) -> str:
        """The name and port."""
        return f"{self.name}:{self.port}"


class FileDiscovery(Discovery, frozen=True, kw_only=True, tag="file"):
    """Targets from files in the format of Prometheus' ``file_sd_configs``."""

    path: Path
    """The last part may be a shell pattern."""
    scheme: Scheme = "https"

    @property
    def source(self) -> str:
        """The path."""
        return str(self.path)


Discoveries = ClusterDiscovery | DnsDiscovery | FileDiscovery


class Telemetry(msgspec.Struct, frozen=True):
    """Settings of Vault's own telemetry (``sys/metrics``)."""

    enabled: bool = True
    drop: tuple[str, ...] = ("vault_*_job_manager_queue_length",)
    """Families to drop, as shell patterns on the native name. The default drops families with unbounded ids."""
    keep_prefix: bool = False
    """Publish families under the names that the node gives them, whatever its ``metrics_prefix`` and host names."""
    max_tracked_series: int = 50_000
    """Maximum number of counters that stay continuous when Vault deletes them; the rest is passed on unchanged."""


class Threshold(msgspec.Struct, frozen=True):
    """``count`` entries ``within`` a time in seconds, by the times in the entries."""

    count: int
    within: Duration


class EventRule(msgspec.Struct, frozen=True):
    """Conditions that make a finished request an event. All given keys must match; in a list, one match is enough.

    Paths are written as in Vault's policies: ``+`` matches one segment, and ``*`` at the end any suffix. A policy name
    may end in ``*`` too.
    """

    event: str
    """The value of the label; several rules may count one event."""
    paths: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    mount_types: tuple[str, ...] = ()
    outcome: str = "success"
    """success, failure or any."""
    errors: tuple[str, ...] = ()
    """Classes of error; with these the outcome is a failure."""
    policies: tuple[str, ...] = ()
    """Policies of the request's token."""
    token_types: tuple[str, ...] = ()
    """Types of the request's token: service, batch."""
    logins: bool = False
    """Match logins only."""
    issued_policies: tuple[str, ...] = ()
    """Policies of the token in the response."""
    issued_without_expiry: bool = False
    """Match only if the token in the response never expires."""
    threshold: Threshold | None = None
    """Count one event for this many matches."""


class AllowedEvents(msgspec.Struct, frozen=True):
    """Planned events, by whom or when; they are not counted. All that is given must hold; of a list, one suffices."""

    events: tuple[str, ...]
    """Built-in ones, or the operator's own."""
    entity_ids: tuple[str, ...] = ()
    display_names: tuple[str, ...] = ()
    hours: str = ""
    """From and to, as times of the day in UTC: ``22:00-02:30``."""


class Events(msgspec.Struct, frozen=True):
    """Settings of security and operations events."""

    disable: tuple[str, ...] = ()
    """Built-in events to switch off."""
    rules: tuple[EventRule, ...] = ()
    """Rules of the operator, in addition to the built-in ones."""
    allow: tuple[AllowedEvents, ...] = ()
    """Those that are planned; they are not counted."""


class Exclude(msgspec.Struct, frozen=True):
    """Entries to leave out, such as those of a monitor. They are counted as excluded only."""

    own: bool = False
    """Leave out the exporter's own requests, by the entities of its logins."""
    entity_ids: tuple[str, ...] = ()
    display_names: tuple[str, ...] = ()
    remote_addresses: tuple[str, ...] = ()


class Top(msgspec.Struct, frozen=True):
    """Estimates of the top clients and paths. Each setting costs time for every entry."""

    enabled: bool = False
    """Count distinct clients, entities and addresses, and rank them and paths."""
    window: Duration = 3600.0
    """Length of the window in seconds."""
    tracked: int = 1000
    """Number of the most frequent values to keep, of each kind."""
    clients: tuple[str, ...] = ()
    """Display names of clients that get a label each."""


class AuditFormat(enum.StrEnum):
    """How entries lie in audit log files."""

    AUTO = "auto"
    """Detected: in the envelope of a container runtime, or as they are."""
    PLAIN = "plain"
    """One entry a line, as Vault's file device writes them."""
    STDOUT = "stdout"
    """The same, among the server's own log lines."""
    CRI = "cri"
    """As containerd, CRI-O and Podman store a container's output."""
    DOCKER = "docker"
    """As Docker's json-file driver stores a container's output."""


class Audit(msgspec.Struct, frozen=True):
    """The audit logs to follow."""

    logs: tuple[Path, ...] = ()
    from_start: bool = False
    """Count the entries that a log already has when the exporter starts without a checkpoint."""
    format: AuditFormat = AuditFormat.AUTO
    """How entries lie in the files."""
    checkpoint: Path | None = None
    """File that stores the position in each log over restarts."""
    max_files: int = 100
    """Maximum number of files to follow of one pattern in ``logs``."""
    max_line_bytes: Size = 16 << 20
    max_mounts: int = 200
    """Maximum number of mounts with labels; the rest counts as ``other``."""
    max_namespaces: int = 100
    """Maximum number of namespaces with labels; the rest counts as ``other``."""
    max_pending: int = 100_000
    """Maximum number of requests of one log that wait for their responses."""
    events: Events = Events()
    exclude: Exclude = Exclude()
    top: Top = Top()
    paths: tuple[str, ...] = ()
    """Path templates that become labels; see :mod:`vault_exporter.audit.top.paths`."""
    max_path_values: int = 100
    """Maximum number of label values of one template; the rest counts as ``other``."""
    inputs: tuple[Input, ...] = ()
    """Sources of entries other than files."""


class Config(Watched, frozen=True):
    """All settings of the exporter."""

    listen: Listen = Listen()
    web_config_file: Path | None = None
    """File with TLS and users of the exporter's own server; see :mod:`vault_exporter.config.schema.web`."""
    status_page_scrapes: bool = True
    """Whether the status page asks nodes that nobody scrapes, while somebody has it open."""
    web_enable_lifecycle: bool = False
    """Whether ``POST /-/reload`` reads the configuration again."""
    defaults: NodeSettings = NodeSettings()
    """Settings of each target and discovery that has none of its own."""
    shard: Shard | None = None
    """The share of the targets that this exporter serves, as ORDINAL/TOTAL; all of them if it is not set."""
    targets: tuple[Target, ...] = ()
    discovery: tuple[Discoveries, ...] = ()
    clusters: dict[str, int] = msgspec.field(default_factory=dict)
    """Name of a cluster → expected number of nodes."""
    telemetry: Telemetry = Telemetry()
    audit: Audit = Audit()
    backup: tuple[Backup, ...] = ()

    @property
    def cluster(self) -> str | None:
        """The one cluster that the exporter is about: that of ``defaults``, if no target or discovery has another."""
        name = self.defaults.cluster
        return name if all(one.cluster == name for one in (*self.targets, *self.discovery)) else None
