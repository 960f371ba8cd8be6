"""The login methods of the configuration, through hvac."""

from pathlib import Path

import msgspec

from vault_exporter.config.schema import logins
from vault_exporter.config.schema.secret import Secret
from vault_exporter.vault.auth.credentials import read_credential
from vault_exporter.vault.auth.errors import LoginError, LoginFailure
from vault_exporter.vault.auth.hvac_adapter import Adapter
from vault_exporter.vault.auth.light_hvac import api
from vault_exporter.vault.auth.reply import Reply, read_reply
from vault_exporter.vault.auth.send import Send
from vault_exporter.vault.auth.shared import Shared

__all__ = ["LoginMethods"]


class LoginMethods:
    """The login endpoints of one node."""

    def __init__(self, send: Send, namespace: str | None, certificate: Path | None, shared: Shared) -> None:
        """Create the methods without logging in.

        Args:
            send: sends a request to the node.
            namespace: namespace of the auth method.
            certificate: client certificate of the connections to the node.
            shared: state that the logins of all targets share.
        """
        self._send = send
        self._namespace = namespace
        self._certificate = certificate
        self._shared = shared

    async def log_in(self, auth: logins.Login) -> Reply:
        """Log in with a method of hvac.

        Raises:
            LoginError: the login failed.
        """
        methods = api.AuthMethods(adapter=Adapter(self._send, self._namespace))
        common = {"use_token": False, "mount_point": auth.mount}
        match auth:
            case logins.ApproleAuth():
                secret_id = await self._secret_id(auth)
                made = methods.approle.login(auth.role_id, secret_id.reveal() if secret_id else None, **common)
            case logins.KubernetesAuth():
                jwt = read_credential(None, auth.token_file, "token")
                made = methods.kubernetes.login(auth.role, jwt.reveal(), **common)
            case logins.JwtAuth():
                jwt = read_credential(auth.jwt, auth.jwt_file, "jwt")
                made = methods.jwt.jwt_login(auth.role, jwt.reveal(), use_token=False, path=auth.mount)
            case logins.CertAuth():
                # The connection already uses the certificate; hvac only requires the argument.
                certificate = str(self._certificate)
                made = methods.cert.login(auth.role or "", cert_pem=certificate, **common)
            case logins.UserpassAuth() | logins.LdapAuth():
                password = read_credential(auth.password, auth.password_file, "password", spaces=True)
                method = methods.userpass if isinstance(auth, logins.UserpassAuth) else methods.ldap
                made = method.login(auth.username, password.reveal(), **common)
            case logins.AwsAuth():
                made = methods.aws.iam_login(**_aws(auth), **common)
            case logins.AzureAuth():
                jwt = read_credential(auth.jwt, auth.jwt_file, "jwt")
                made = methods.azure.login(
                    auth.role,
                    jwt.reveal(),
                    auth.subscription_id,
                    auth.resource_group_name,
                    auth.vm_name,
                    auth.vmss_name,
                    **common,
                )
            case logins.GcpAuth():
                jwt = read_credential(auth.jwt, auth.jwt_file, "jwt")
                made = methods.gcp.login(auth.role, jwt.reveal(), **common)
            case _:
                raise TypeError(type(auth).__name__)
        reply: Reply = await made
        return reply

    async def _secret_id(self, auth: logins.ApproleAuth) -> Secret | None:
        if auth.secret_id is None and auth.secret_id_file is None:
            return None
        given = read_credential(auth.secret_id, auth.secret_id_file, "secret_id")
        if not auth.wrapped:
            return given

        async def unwrap(wrapping: Secret) -> Secret:
            """Unwrap a secret-id, after checking that the wrapping token comes from the secret-id endpoint."""
            headers = {"X-Vault-Namespace": self._namespace} if self._namespace else {}
            looked_up = await self._send("POST", "sys/wrapping/lookup", headers, {"token": wrapping.reveal()})
            path = read_reply(looked_up).read_data(_Wrapping).creation_path
            if not path.startswith(f"auth/{auth.mount}/role/") or not path.endswith("/secret-id"):
                raise LoginError(
                    LoginFailure.DENIED,
                    f"the wrapping token does not hold a secret-id of auth/{auth.mount}: somebody may have opened the "
                    "true one; find out, and give a new one",
                )
            system = api.SystemBackend(adapter=Adapter(self._send, self._namespace, wrapping))
            return Secret((await system.unwrap()).read_data(_SecretId).secret_id)

        return await self._shared.unwrapped(given, unwrap)


class _Wrapping(msgspec.Struct, frozen=True):
    creation_path: str


class _SecretId(msgspec.Struct, frozen=True):
    secret_id: str


def _aws(auth: logins.AwsAuth) -> dict[str, str | None]:
    has_session = auth.session_token is not None or auth.session_token_file is not None
    return {
        "access_key": auth.access_key.reveal(),
        "secret_key": read_credential(auth.secret_key, auth.secret_key_file, "secret_key").reveal(),
        "session_token": read_credential(auth.session_token, auth.session_token_file, "session_token").reveal()
        if has_session
        else None,
        "header_value": auth.header_value,
        "role": auth.role,
        "region": auth.region,
    }
