"""Set up the demo's server before the traffic: an engine, logins, policies, and the exporter's own token."""

import secrets
from typing import Final, NamedTuple

import hvac
import requests

from vault_exporter.scrape.collectors import COLLECTORS, policy, telemetry

__all__ = ["MOUNT", "PATHS", "READABLE", "Accounts", "connect", "prepare"]

MOUNT: Final = "its-camera-ai"
"""The KV v2 mount that the traffic uses."""
PATHS: Final = (
    "api/jwt",
    "database/postgres",
    "database/redis",
    "encryption/master",
    "ml/models",
    "analytics/timescale",
    "external/monitoring",
)
READABLE: Final = "external/monitoring"
"""The one path that the viewer may read."""

_POLICIES: Final = {
    "its-camera-api": f"""
        path "{MOUNT}/*" {{ capabilities = ["create", "read", "update", "delete", "list"] }}
        path "auth/token/create" {{ capabilities = ["update"] }}
    """,
    "its-camera-viewer": f"""
        path "{MOUNT}/data/{READABLE}" {{ capabilities = ["read"] }}
    """,
    "vault-exporter": "\n".join(
        map(str, policy([telemetry.GRANT, *(grant for one in COLLECTORS if one.default for grant in one.grants)]))
    ),
}
_TIMEOUT: Final = 10


class Accounts(NamedTuple):
    """The logins and their credentials. Made for one run of the demo; never printed."""

    role_id: str
    secret_id: str
    username: str
    password: str
    viewer_token: str
    """It may read one path."""
    exporter_token: str
    """It may read only ``sys/metrics``."""

    def __repr__(self) -> str:
        return "Accounts(***)"


def connect(address: str, token: str = "", session: requests.Session | None = None) -> hvac.Client:
    """Return a client of the server at ``address`` that ignores ``VAULT_…`` and proxy variables."""
    session = session or requests.Session()
    session.trust_env = False
    return hvac.Client(url=address, token=token, session=session, timeout=_TIMEOUT)


def prepare(address: str, root_token: str) -> Accounts:
    """Set the server up.

    Raises:
        hvac.exceptions.VaultError: the server refuses something.
        requests.RequestException: the server does not answer.
    """
    password = secrets.token_urlsafe(24)
    with requests.Session() as session:
        root = connect(address, root_token, session)
        root.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
        root.sys.enable_auth_method("approle")
        root.sys.enable_auth_method("userpass")
        for name, policy in _POLICIES.items():
            root.sys.create_or_update_acl_policy(name, policy)
        root.auth.approle.create_or_update_approle(
            "camera",
            token_policies=["its-camera-api"],
            token_ttl="20m",  # noqa: S106 - a duration
        )
        root.auth.userpass.create_or_update_user("operator", password, policies=["its-camera-api"])
        for path in PATHS:
            root.secrets.kv.v2.create_or_update_secret(path, {"value": secrets.token_hex(16)}, mount_point=MOUNT)
        return Accounts(
            role_id=root.auth.approle.read_role_id("camera")["data"]["role_id"],
            secret_id=root.auth.approle.generate_secret_id("camera")["data"]["secret_id"],
            username="operator",
            password=password,
            viewer_token=_token(root, "its-camera-viewer"),
            exporter_token=_token(root, "vault-exporter"),
        )


def _token(root: hvac.Client, policy: str) -> str:
    answer = root.auth.token.create(policies=[policy], display_name=policy, period="24h", no_parent=True)
    token: str = answer["auth"]["client_token"]
    return token
