"""Auth methods and their settings. The key ``method`` selects one.

Keys are named as in hvac and the ``vault login`` command. A credential is a value or, better, a file; the file is read
at every login, so it can be rotated at any time.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from vault_exporter.config.parse.path_checks import is_directory, unreadable
from vault_exporter.config.schema.secret import Secret

__all__ = [
    "ApproleAuth",
    "Auth",
    "AwsAuth",
    "AzureAuth",
    "CertAuth",
    "GcpAuth",
    "JwtAuth",
    "KubernetesAuth",
    "LdapAuth",
    "Login",
    "Mount",
    "NoAuth",
    "Password",
    "TokenAuth",
    "UserpassAuth",
    "credential_files",
    "problems",
]

Mount = Annotated[str, "mount"]
"""Mount path of an auth method, without ``auth/`` and outer slashes."""

Password = Annotated[Secret, "password"]
"""A secret that may contain spaces."""

SERVICE_ACCOUNT_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
"""File with the token of the pod's service account."""


class NoAuth(msgspec.Struct, frozen=True, tag_field="method", tag="none"):
    """No token."""


class TokenAuth(msgspec.Struct, frozen=True, tag_field="method", tag="token"):
    """A token, or a file that holds one and is read again when it changes. Exactly one is set."""

    token: Secret | None = None
    token_file: Path | None = None


class Login(msgspec.Struct, frozen=True, kw_only=True, tag_field="method"):
    """Settings that all methods with a login share."""

    mount: Mount = ""
    """Mount path of the method; by default its name."""
    namespace: str | None = None
    """Namespace of the auth method; None is the target's."""


class ApproleAuth(Login, frozen=True, kw_only=True, tag="approle"):
    """A role-id, and a secret-id unless the role needs none."""

    mount: Mount = "approle"
    role_id: str
    secret_id: Secret | None = None
    secret_id_file: Path | None = None
    wrapped: bool = False
    """The secret-id is a wrapping token, which the exporter unwraps."""


class KubernetesAuth(Login, frozen=True, kw_only=True, tag="kubernetes"):
    """The token of the pod's service account."""

    mount: Mount = "kubernetes"
    role: str
    token_file: Path = SERVICE_ACCOUNT_TOKEN


class JwtAuth(Login, frozen=True, kw_only=True, tag="jwt"):
    """A signed JWT, such as a workload's identity token."""

    mount: Mount = "jwt"
    role: str
    jwt: Secret | None = None
    jwt_file: Path | None = None


class CertAuth(Login, frozen=True, kw_only=True, tag="cert"):
    """The client certificate of the target's ``tls``."""

    mount: Mount = "cert"
    role: str | None = None
    """Name of the certificate role; with None, Vault tries all."""


class UserpassAuth(Login, frozen=True, kw_only=True, tag="userpass"):
    """A username and password stored in Vault."""

    mount: Mount = "userpass"
    username: str
    password: Password | None = None
    password_file: Path | None = None


class LdapAuth(Login, frozen=True, kw_only=True, tag="ldap"):
    """A username and password of an LDAP directory."""

    mount: Mount = "ldap"
    username: str
    password: Password | None = None
    password_file: Path | None = None


class AwsAuth(Login, frozen=True, kw_only=True, tag="aws"):
    """A signed ``sts:GetCallerIdentity`` request, for the ``iam`` type of Vault's AWS method."""

    mount: Mount = "aws"
    role: str | None = None
    region: str = "us-east-1"
    header_value: str | None = None
    """Value of Vault's ``iam_server_id_header_value``."""
    access_key: Secret
    secret_key: Secret | None = None
    secret_key_file: Path | None = None
    session_token: Secret | None = None
    session_token_file: Path | None = None


class AzureAuth(Login, frozen=True, kw_only=True, tag="azure"):
    """A managed identity's JWT."""

    mount: Mount = "azure"
    role: str
    jwt: Secret | None = None
    jwt_file: Path | None = None
    subscription_id: str | None = None
    resource_group_name: str | None = None
    vm_name: str | None = None
    vmss_name: str | None = None


class GcpAuth(Login, frozen=True, kw_only=True, tag="gcp"):
    """A JWT signed by Google for a service account or an instance."""

    mount: Mount = "gcp"
    role: str
    jwt: Secret | None = None
    jwt_file: Path | None = None


Auth = (
    NoAuth
    | TokenAuth
    | ApproleAuth
    | KubernetesAuth
    | JwtAuth
    | CertAuth
    | UserpassAuth
    | LdapAuth
    | AwsAuth
    | AzureAuth
    | GcpAuth
)
"""How to log in."""

_ONE_OF: Final[dict[type, str]] = {
    TokenAuth: "token",
    JwtAuth: "jwt",
    UserpassAuth: "password",
    LdapAuth: "password",
    AwsAuth: "secret_key",
    AzureAuth: "jwt",
    GcpAuth: "jwt",
}
"""Key of a credential. Exactly one of it and the key with ``_file`` added is given."""


def credential_files(auth: Auth) -> tuple[Path, ...]:
    """Return the files that a login reads."""
    return tuple(value for name in auth.__struct_fields__ if isinstance(value := getattr(auth, name), Path))


def problems(auth: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any of Auth, as a table of checks holds it
    """Yield wrong keys of a login, each with a message."""
    if key := _ONE_OF.get(type(auth)):
        if (getattr(auth, key) is None) == (getattr(auth, f"{key}_file") is None):
            yield key, f"give either {key} or {key}_file"
    elif isinstance(auth, ApproleAuth):
        if auth.secret_id is not None and auth.secret_id_file is not None:
            yield "secret_id", "give either secret_id or secret_id_file"
        elif auth.wrapped and auth.secret_id is None and auth.secret_id_file is None:
            yield "wrapped", "what is wrapped is missing; give secret_id_file or secret_id"
    if isinstance(auth, AwsAuth) and auth.session_token is not None and auth.session_token_file is not None:
        yield "session_token", "give either session_token or session_token_file"
    for name in auth.__struct_fields__:
        if isinstance(file := getattr(auth, name), Path) and file != SERVICE_ACCOUNT_TOKEN:
            yield from ((name, problem) for problem in _file_problems(file))


def _file_problems(file: Path) -> Iterator[str]:
    # The file may not exist yet: an agent writes it.
    if is_directory(file):
        yield "is a directory; name the file in it"
    elif problem := unreadable(file):
        yield problem
    elif not is_directory(file.parent):
        yield f"there is no directory {file.parent}"
