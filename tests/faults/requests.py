"""Faults that somebody brings about with requests, and how they are undone."""

from tests.faults import settings
from tests.faults.lab import Lab
from tests.lab import api


def seal(lab: Lab) -> None:
    assert api.call(lab.standby.address, "PUT", "sys/seal", lab.made.admin).status == 204


def seal_all(lab: Lab) -> None:
    leader = lab.leader
    for node in [*(node for node in lab.nodes if node is not leader), leader]:
        assert api.call(node.address, "PUT", "sys/seal", lab.made.admin).status == 204


def use_root(lab: Lab) -> None:
    assert api.call(lab.leader.address, "GET", "sys/mounts", lab.cluster.root_token).status == 200


def create_root(lab: Lab) -> None:
    made = api.call(lab.leader.address, "POST", "auth/token/create", lab.cluster.root_token, policies=["root"])
    assert made.status == 200


def generate_root(lab: Lab) -> None:
    assert lab.call("PUT", "sys/generate-root-token/attempt").status == 200


def cancel_root(lab: Lab) -> None:
    assert lab.call("DELETE", "sys/generate-root-token/attempt").status == 204


def rekey(lab: Lab) -> None:
    assert lab.call("PUT", "sys/rotate/root/init", secret_shares=1, secret_threshold=1).status == 200


def cancel_rekey(lab: Lab) -> None:
    assert lab.call("DELETE", "sys/rotate/root/init").status == 204


def rotate_by_hand(lab: Lab) -> None:
    """Turn off automatic rotation, which has limits of its own."""
    assert lab.call("POST", "sys/rotate/config", enabled=False).status == 204


def rotate_by_itself(lab: Lab) -> None:
    assert lab.call("POST", "sys/rotate/config", enabled=True).status == 204


def write_policy(lab: Lab) -> None:
    assert lab.call("PUT", "sys/policies/acl/other", policy='path "other/*" { capabilities = ["read"] }').status == 204


def enable_auth(lab: Lab) -> None:
    """Enable a method, and disable it again."""
    assert lab.call("POST", "sys/auth/other", type="userpass").status == 204
    assert lab.call("DELETE", "sys/auth/other").status == 204


def enable_engine(lab: Lab) -> None:
    """Enable an engine, and disable it again."""
    assert lab.call("POST", "sys/mounts/other", type="kv").status == 204
    assert lab.call("DELETE", "sys/mounts/other").status == 204


def limit_canary(lab: Lab) -> None:
    assert lab.call("POST", "sys/quotas/rate-limit/canary", path="canary", rate=0.001, interval="1h").status == 204


def unlimit_canary(lab: Lab) -> None:
    assert lab.call("DELETE", "sys/quotas/rate-limit/canary").status == 204


def shorten_token(lab: Lab) -> None:
    """Renew the token that is watched, for an hour."""
    path, accessor = "auth/token/renew-accessor", lab.made.accessor
    assert lab.call("POST", path, accessor=accessor, increment="1h").status == 200


def lengthen_token(lab: Lab) -> None:
    path, accessor = "auth/token/renew-accessor", lab.made.accessor
    assert lab.call("POST", path, accessor=accessor, increment=settings.LONG).status == 200


def short_secret_id(lab: Lab) -> None:
    assert lab.call("POST", "auth/approle/role/billing/secret-id", ttl="1h").status == 200


def long_secret_id(lab: Lab) -> None:
    """Destroy all, and make one that lasts."""
    role = "auth/approle/role/billing/secret-id"
    for accessor in lab.call("LIST", role).body["data"]["keys"]:
        path = "auth/approle/role/billing/secret-id-accessor/destroy"
        assert lab.call("POST", path, secret_id_accessor=accessor).status == 204
    assert lab.call("POST", role, metadata="{}").status == 200


def lose_database(lab: Lab) -> None:
    data = settings.database("postgres://vault@127.0.0.1:1/vault?sslmode=disable")
    assert lab.call("POST", settings.DATABASE, **data).status in {200, 204}


def find_database(lab: Lab) -> None:
    assert lab.call("POST", settings.DATABASE, **settings.database(lab.cluster.postgres.url)).status in {200, 204}


def lock_out(lab: Lab) -> None:
    for _ in range(settings.LOCKED_AFTER):
        api.call(lab.leader.address, "PUT", "auth/userpass/login/someone", password="wrong")


def let_in(lab: Lab) -> None:
    accessor = lab.call("GET", "sys/auth").body["data"]["userpass/"]["accessor"]
    assert lab.call("POST", f"sys/locked-users/{accessor}/unlock/someone").status == 204


def disable_audit(lab: Lab) -> None:
    """Try to; OpenBao refuses it for a device that its configuration declares."""
    assert lab.call("DELETE", "sys/audit/file").status == 400


_guesses = iter(range(1_000_000))


def guess(lab: Lab) -> None:
    for _ in range(4):
        # A name of its own each time, so that nobody is locked out.
        api.call(lab.leader.address, "PUT", f"auth/userpass/login/guess-{next(_guesses)}", password="wrong")


def look_around(lab: Lab) -> None:
    for name in ("one", "two", "three", "four"):
        assert api.call(lab.leader.address, "GET", f"other/{name}", lab.made.app).status == 403


def log_in(lab: Lab) -> None:
    for _ in range(4):
        api.call(lab.leader.address, "PUT", "auth/userpass/login/someone", password="right-one")


def limit(lab: Lab) -> None:
    assert lab.call("POST", "sys/quotas/rate-limit/app", path="app", rate=1, interval="1s").status == 204


def unlimit(lab: Lab) -> None:
    assert lab.call("DELETE", "sys/quotas/rate-limit/app").status == 204
