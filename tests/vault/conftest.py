"""One real OpenBao with the auth methods that can be had on one machine."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.lab.api import Reply, call
from tests.lab.logged_in import LoggedIn
from tests.lab.token_reviews import token_reviews
from vault_exporter.config.schema.model import Auth, Target, Tls
from vault_exporter.config.schema.secret import Secret
from vault_exporter.demo.openbao import start_server
from vault_exporter.demo.process import free_port
from vault_exporter.vault.auth.shared import Shared

ROOT = "root"
POLICY = 'path "sys/mounts" { capabilities = ["read"] }'
SHORT_LIVED: dict[str, Any] = {"token_policies": ["mounts"], "token_ttl": "3s", "token_max_ttl": "6s"}
LASTING: dict[str, Any] = {"token_policies": ["mounts"], "token_ttl": "1h"}
LONG_AGO, FAR = 1_700_000_000, 4_000_000_000
POD: dict[str, Any] = {
    "sub": "system:serviceaccount:monitoring:exporter",
    "iss": "kubernetes/serviceaccount",
    "aud": ["vault"],
    "exp": FAR,
}


class Bao:
    """The server, as its administrator sees it."""

    def __init__(self, directory: Path) -> None:
        self.address = f"http://127.0.0.1:{free_port()}"
        self.tls_address = f"https://127.0.0.1:{free_port()}"
        self.audit_log = directory / "audit.log"
        self.signing_key = ec.generate_private_key(ec.SECP256R1())
        authority = trustme.CA()
        self.ca, self.client_cert = directory / "ca.pem", directory / "client.pem"
        authority.cert_pem.write_to_path(self.ca)
        certificate = authority.issue_cert("127.0.0.1", "*.vault-internal")
        for part, name in ((certificate.cert_chain_pems[0], "server.pem"), (certificate.private_key_pem, "server.key")):
            part.write_to_path(directory / name)
        authority.issue_cert(
            "exporter.example.com", common_name="exporter"
        ).private_key_and_cert_chain_pem.write_to_path(self.client_cert)
        plain = {"address": self.address.removeprefix("http://"), "tls_disable": True}
        encrypted = {
            "address": self.tls_address.removeprefix("https://"),
            "tls_cert_file": str(directory / "server.pem"),
            "tls_key_file": str(directory / "server.key"),
        }
        self.server = start_server(
            directory,
            {
                "listener": [{"tcp": plain}, {"tcp": encrypted}],
                "audit": [{"type": "file", "path": "file", "options": {"file_path": str(self.audit_log)}}],
            },
            self.address,
            environment={"BAO_DEV_ROOT_TOKEN_ID": ROOT},
            arguments=("-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{free_port()}"),
            ready=frozenset({200}),
        )

    def revoke(self, token: Secret) -> None:
        self.do("POST", "auth/token/revoke", token=token.reveal())

    def do(self, method: str, path: str, token: str = ROOT, /, **data: Any) -> Reply:
        reply = call(self.address, method, path, token, **data)
        assert reply.status in {200, 204}, (path, reply)
        return reply

    def jwt(self, **claims: Any) -> str:
        """A JWT that the server trusts."""
        usual = {"iss": "tests", "sub": "exporter", "aud": "vault", "iat": LONG_AGO, "nbf": LONG_AGO, "exp": FAR}
        parts = ({"alg": "ES256", "typ": "JWT"}, usual | claims)
        text = ".".join(_encoded(json.dumps(part).encode()) for part in parts)
        numbers = utils.decode_dss_signature(self.signing_key.sign(text.encode(), ec.ECDSA(SHA256())))
        return f"{text}.{_encoded(b''.join(number.to_bytes(32) for number in numbers))}"

    def wrapped_secret_id(self, role: str = "exporter") -> str:
        headers = {"X-Vault-Wrap-TTL": "60s"}
        reply = call(self.address, "POST", f"auth/approle/role/{role}/secret-id", ROOT, headers=headers, metadata="{}")
        token: str = reply.body["wrap_info"]["token"]
        return token

    def token(self, **settings: Any) -> str:
        made: str = self.do("POST", "auth/token/create", **({"policies": ["mounts"]} | settings)).body["auth"][
            "client_token"
        ]
        return made

    def set_up(self, kubernetes: str) -> None:
        self.do("PUT", "sys/policies/acl/mounts", policy=POLICY)
        for method in ("userpass", "approle", "jwt", "kubernetes", "cert"):
            self.do("POST", f"sys/auth/{method}", type=method)
        self.do("POST", "auth/userpass/users/exporter", password="two words", **LASTING)
        self.do("POST", "auth/userpass/users/short", password="two words", **SHORT_LIVED)
        self.do("POST", "auth/userpass/users/limited", password="two words", token_num_uses=3, **LASTING)
        self.do("POST", "auth/userpass/users/blind", password="two words", token_no_default_policy=True, **LASTING)
        self.do("POST", "auth/approle/role/exporter", **LASTING)
        self.do("POST", "auth/approle/role/idle", bind_secret_id=False, token_bound_cidrs=["127.0.0.1/32"], **LASTING)
        public = self.signing_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        self.do("POST", "auth/jwt/config", jwt_validation_pubkeys=[public], jwt_supported_algs=["ES256"])
        self.do(
            "POST", "auth/jwt/role/exporter", role_type="jwt", user_claim="sub", bound_audiences=["vault"], **LASTING
        )
        self.do(
            "POST",
            "auth/kubernetes/config",
            kubernetes_host=kubernetes,
            token_reviewer_jwt=self.jwt(),
            disable_local_ca_jwt=True,
            kubernetes_ca_cert=self.ca.read_text(),
        )
        account: dict[str, Any] = {
            "bound_service_account_names": ["exporter"],
            "bound_service_account_namespaces": ["monitoring"],
        }
        self.do("POST", "auth/kubernetes/role/exporter", **account, **LASTING)
        self.do("POST", "auth/cert/certs/exporter", certificate=self.ca.read_text(), **LASTING)


@pytest.fixture(scope="session")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    bao = Bao(tmp_path_factory.mktemp("bao"))
    with bao.server, token_reviews() as reviews:
        bao.set_up(reviews)
        yield bao


Connect = Callable[..., Awaitable[LoggedIn]]


@pytest.fixture
async def connect(bao: Bao) -> AsyncIterator[Connect]:
    """Make a client of the server with this login."""
    async with AsyncExitStack() as stack:

        async def connect(
            auth: Auth, shared: Shared | None = None, *, tls: bool = False, namespace: str | None = None
        ) -> LoggedIn:
            trust = Tls(ca_cert=bao.ca, client_cert=bao.client_cert) if tls else Tls()
            target = Target(
                name="n1", address=bao.tls_address if tls else bao.address, tls=trust, auth=auth, namespace=namespace
            )
            client = LoggedIn(target, shared=shared)
            stack.push_async_callback(client.close)
            return client

        yield connect


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()
