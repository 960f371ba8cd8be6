"""The exporter's settings: frozen, complete, and already validated.

Only :mod:`vault_exporter.config.load` makes them, so holding a :class:`Config` means that it was checked.
Durations are seconds, sizes are bytes.
"""

from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from vault_exporter.config.schema.inputs import Input
from vault_exporter.config.schema.logins import Auth, Login, NoAuth, TokenAuth
from vault_exporter.config.schema.secret import Secret
from vault_exporter.config.schema.watched import Backup, Watched

__all__ = [
    "DEFAULT_PORT",
    "AllowedEvents",
    "AllowedHost",
    "Audit",
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
"""An API's base URL, without a trailing slash."""

ProxyUrl = Annotated[Secret, "proxy"]
"""An HTTP proxy's URL, secret since a password may be in it."""

Pem = Annotated[str, "pem"]
"""Certificates in PEM format, not a file of them."""

AllowedHost = Annotated[str, "allowed host"]
"""A host name, ``*.`` and a domain, or a network of IP addresses, in lower case."""

Scheme = Annotated[str, "scheme"]
"""``http`` or ``https``."""

Name = Annotated[str, "name"]
"""A target's name, fit for ``?target=`` and a label."""


class Listen(msgspec.Struct, frozen=True):
    """Where the exporter listens; an empty host is every address."""

    host: str = ""
    port: int = DEFAULT_PORT

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class RateLimit(msgspec.Struct, frozen=True):
    """How fast requests may be sent: so many a second, and so many at once after a pause."""

    rate: float
    burst: int


class Tls(msgspec.Struct, frozen=True):
    """How to trust the node, and how to identify to it; the words of ``VAULT_CACERT`` and its like."""

    ca_cert: Path | None = None
    ca_cert_bytes: Pem | None = None
    ca_path: Path | None = None
    client_cert: Path | None = None
    client_key: Path | None = None
    server_name: str | None = None
    insecure_skip_verify: bool = False


class Collectors(msgspec.Struct, frozen=True):
    """What to change about the collectors that run by default."""

    enable: tuple[str, ...] = ()
    """Collectors that run only where they are named."""
    disable: tuple[str, ...] = ()
    intervals: dict[str, Duration] = {}
    """Collector → seconds between two readings, at least; in between, the last good one is shown."""


class Target(msgspec.Struct, frozen=True):
    """One node to scrape.

    ``address`` is its API's base URL without a trailing slash or ``/v1``, or ``unix://`` and a socket's path.
    """

    name: Name
    address: Url
    cluster: str | None = None
    namespace: str | None = None
    timeout: Duration = 5.0
    """Deadline of a scrape, in seconds, where the request brings no X-Prometheus-Scrape-Timeout-Seconds."""
    max_response_bytes: Size = 16 << 20
    proxy: ProxyUrl | None = None
    """What to connect through."""
    rate_limit: RateLimit | None = None
    """Requests wait so that the node gets no more than so many."""
    tls: Tls = Tls()
    auth: Auth = NoAuth()
    collectors: Collectors = Collectors()
    labels: dict[str, str] = {}
    """More labels for ``/sd`` to give the target."""


class Discovery(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """Where targets come from that are not listed, and what these have in common."""

    cluster: str | None = None
    namespace: str | None = None
    timeout: Duration = 5.0
    max_response_bytes: Size = 16 << 20
    proxy: ProxyUrl | None = None
    """What to connect through."""
    rate_limit: RateLimit | None = None
    """Requests wait so that the node gets no more than so many."""
    tls: Tls = Tls()
    auth: Auth = NoAuth()
    collectors: Collectors = Collectors()
    labels: dict[str, str] = {}
    interval: Duration = 30.0
    """Seconds between two look-ups."""
    keep: Duration | None = None
    """How long a target that is found no more stays one, in seconds."""
    max_targets: int = 1000
    """Further ones are left out; each takes memory, connections and logins."""

    def __str__(self) -> str:
        return f"{self.type} {self.source}"

    @property
    def type(self) -> str:
        """``cluster``, ``dns`` or ``file``."""
        return str(self.__struct_config__.tag)

    @property
    def source(self) -> str:
        """Which one it is among those of its kind."""
        raise NotImplementedError

    def target(self, name: str, address: str, **changes: Any) -> Target:  # noqa: ANN401 - values of keys
        """Make a target of what was found."""
        shared = {key: getattr(self, key) for key in Target.__struct_fields__ if key not in {"name", "address"}}
        return Target(name, address, **shared | changes)


class ClusterDiscovery(Discovery, frozen=True, kw_only=True, tag="cluster"):
    """All nodes of a cluster, as the node at the address lists them in ``sys/ha-status``."""

    address: Url
    cluster: str
    allow: tuple[AllowedHost, ...] = ()
    """Hosts that nodes may have, beside that of the address; empty is any."""
    keep: Duration | None = 3600.0
    """A node that is dead is listed no more after a while, which must not end the alert about it."""

    @property
    def source(self) -> str:
        """The address."""
        return self.address


class DnsDiscovery(Discovery, frozen=True, kw_only=True, tag="dns"):
    """Every address that a name has, such as that of a headless service."""

    name: str
    port: int = 8200
    scheme: Scheme = "https"

    @property
    def source(self) -> str:
        """The name and port."""
        return f"{self.name}:{self.port}"


class FileDiscovery(Discovery, frozen=True, kw_only=True, tag="file"):
    """The targets in files, in the format of Prometheus' ``file_sd_configs``."""

    path: Path
    """May have shell patterns in its last part."""
    scheme: Scheme = "https"

    @property
    def source(self) -> str:
        """The path."""
        return str(self.path)


Discoveries = ClusterDiscovery | DnsDiscovery | FileDiscovery


class Telemetry(msgspec.Struct, frozen=True):
    """What to do with Vault's own telemetry (``sys/metrics``)."""

    enabled: bool = True
    drop: tuple[str, ...] = ("vault_*_job_manager_queue_length",)
    """Families to leave out, as shell patterns on the native name. The default ones carry an unbounded id."""
    keep_prefix: bool = False
    """Publish families under the names that the node gives them, whatever its ``metrics_prefix`` and host names."""
    max_tracked_series: int = 50_000
    """Series whose continuity is kept across Vault's expiry; further ones are passed on as they are."""


class Threshold(msgspec.Struct, frozen=True):
    """So many within so long, by the times that the entries state."""

    count: int
    within: Duration


class EventRule(msgspec.Struct, frozen=True):
    """What makes a finished request an event. All that is given must hold; of a list, one suffices.

    Paths are written as in Vault's policies: ``+`` is one segment, ``*`` at the end is any rest. Names of policies may
    end in ``*``, too.
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
    """Of the token that asked."""
    token_types: tuple[str, ...] = ()
    """Of the token that asked: service, batch."""
    logins: bool = False
    """Only logins, whatever their paths."""
    issued_policies: tuple[str, ...] = ()
    """Of the token that was given."""
    issued_without_expiry: bool = False
    """Only where a token was given that does not expire."""
    threshold: Threshold | None = None
    """Count only as many together, as one event."""


class AllowedEvents(msgspec.Struct, frozen=True):
    """Planned events, by whom or when; they are not counted. All that is given must hold; of a list, one suffices."""

    events: tuple[str, ...]
    """Built-in ones, or the operator's own."""
    entity_ids: tuple[str, ...] = ()
    display_names: tuple[str, ...] = ()
    hours: str = ""
    """From and to, as times of the day in UTC: ``22:00-02:30``."""


class Events(msgspec.Struct, frozen=True):
    """Which finished requests are events."""

    disable: tuple[str, ...] = ()
    """Built-in events to leave out."""
    rules: tuple[EventRule, ...] = ()
    """The operator's own, beside the built-in ones."""
    allow: tuple[AllowedEvents, ...] = ()
    """Those that are planned; they are not counted."""


class Exclude(msgspec.Struct, frozen=True):
    """Whose entries to leave out, such as a monitor's own; each is counted as left out."""

    own: bool = False
    """Leave out what the exporter itself asks with the tokens of its logins, by the entities that they have."""
    entity_ids: tuple[str, ...] = ()
    display_names: tuple[str, ...] = ()
    remote_addresses: tuple[str, ...] = ()


class Top(msgspec.Struct, frozen=True):
    """Who asks, within bounds. Each of it costs something for every entry."""

    enabled: bool = False
    """Count distinct clients, entities and addresses, and rank them and paths."""
    window: Duration = 3600.0
    """How far back, in seconds."""
    tracked: int = 1000
    """How many of the most frequent of each kind are kept."""
    clients: tuple[str, ...] = ()
    """Display names of clients that are counted each with a label of its own."""


class Audit(msgspec.Struct, frozen=True):
    """The audit logs to follow."""

    logs: tuple[Path, ...] = ()
    from_start: bool = False
    """Count what a log already holds when the exporter starts, instead of only what is added."""
    checkpoint: Path | None = None
    """File that says where to go on after a restart."""
    max_files: int = 100
    """Files of one pattern in ``logs`` that are followed at once."""
    max_line_bytes: Size = 16 << 20
    max_mounts: int = 200
    """Mounts with labels of their own; further ones are counted as ``other``."""
    max_namespaces: int = 100
    """Namespaces with labels of their own; further ones are counted as ``other``."""
    max_pending: int = 100_000
    """Requests of one log whose responses are waited for."""
    events: Events = Events()
    exclude: Exclude = Exclude()
    top: Top = Top()
    paths: tuple[str, ...] = ()
    """Templates of paths that get labels, as :mod:`vault_exporter.audit.top.paths` says."""
    max_path_values: int = 100
    """Labels that one template makes; further ones are counted as ``other``."""
    inputs: tuple[Input, ...] = ()
    """Where entries come from beside files."""


class Config(Watched, frozen=True):
    """Everything the exporter is told."""

    listen: Listen = Listen()
    web_config_file: Path | None = None
    """Who may ask, and over what; see :mod:`vault_exporter.config.schema.web`."""
    web_enable_lifecycle: bool = False
    """Whether ``POST /-/reload`` reads the configuration again."""
    targets: tuple[Target, ...] = ()
    discovery: tuple[Discoveries, ...] = ()
    clusters: dict[str, int] = msgspec.field(default_factory=dict)
    """Name of a cluster → the nodes that it should have."""
    telemetry: Telemetry = Telemetry()
    audit: Audit = Audit()
    backup: tuple[Backup, ...] = ()
