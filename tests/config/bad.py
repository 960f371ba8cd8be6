"""Configurations that are wrong, and exactly what is said about them.

A case is: what it shows, the file's text, and the lines of the error. ``@`` stands for a directory that has: ``ca.pem``
(a certificate), ``client.pem`` and ``client.key`` (a pair), ``encrypted.key``, ``other.key``, ``text`` (neither), and
``directory``.
"""

from typing import Final

from vault_exporter.audit.events.builtin import BUILT_IN
from vault_exporter.scrape import collectors

TARGET: Final = "targets:\n  - {name: n1, address: 'https://vault-1:8200'}\n"
NOT_A_HOST: Final = "the host is no host name: it has at most 253 characters, from 1 to 63 between two dots"
TARGET_KEYS: Final = (
    "address, auth, cluster, collectors, labels, max_response_bytes, name, namespace, proxy, rate_limit, timeout, tls"
)
KEYS: Final = (
    "approle, audit, backup, canary, clusters, database, defaults, discovery, kv, listen, pki, "
    "shard, status_page_scrapes, targets, telemetry, watched_tokens, web_config_file, web_enable_lifecycle"
)
METHODS: Final = "none, token, approle, kubernetes, jwt, cert, userpass, ldap, aws, azure, gcp"
NOT_AN_ADDRESS: Final = "not an http:// or https:// URL; write it like https://vault.example.com:8200"
NOTHING: Final = (
    "nothing to monitor; set VAULT_ADDR or --address, list targets in a file and give it with --config, "
    "or follow an audit log with --audit-log"
)
COLLECTORS: Final = (
    f"Known here: {', '.join([*(one.name for one in collectors.COLLECTORS), *collectors.CONFIGURED, 'telemetry'])}"
)
EVENTS: Final = ", ".join([*dict.fromkeys(rule.event for rule in BUILT_IN), "raw_values_logged"])
NO_PATH: Final = "is no path of a secret; write it like team/database, without ? # % + .. and outer slashes"
NOT_A_DURATION: Final = "not a duration; write it with a unit, like 500ms, 5s, 1m30s"

CASES: Final[list[tuple[str, str, list[str]]]] = [
    (
        "clusters without a number of nodes",
        TARGET + "clusters:\n  prod: 0\n  test: three\n  dev: 2.5\n  lab: true\n",
        [
            "c.yml:4: clusters.prod: must be above 0",
            "c.yml:5: clusters.test: must be a whole number, not text",
            "c.yml:6: clusters.dev: must be a whole number, not a decimal number",
            "c.yml:7: clusters.lab: must be a whole number, not true or false",
        ],
    ),
    (
        "a format that there is not",
        "audit: {logs: [a.log], format: json}\n",
        ["c.yml:1: audit.format: not known; it is one of auto, plain, stdout, cri, docker"],
    ),
    ("clusters as a list", TARGET + "clusters: [prod]\n", ["c.yml:3: clusters: must be a mapping, not a list"]),
    (
        "unknown key",
        "targetz: []\n" + TARGET,
        [
            (f"c.yml:1: targetz: unknown key; did you mean targets? Known here: {KEYS}"),
        ],
    ),
    (
        "unknown key in a target, nothing alike",
        "targets:\n  - name: n1\n    address: http://v:8200\n    hue: red\n",
        [f"c.yml:4: targets[0].hue: unknown key; known here: {TARGET_KEYS}"],
    ),
    (
        "unknown key in a login",
        "targets:\n  - name: n1\n    address: http://v:8200\n    auth: {method: token, token: t, tokenfile: x}\n",
        [
            (
                "c.yml:4: targets[0].auth.tokenfile: unknown key; did you mean token_file? "
                "Known here: method, token, token_file"
            )
        ],
    ),
    (
        "unknown key in defaults, said once",
        "defaults:\n  adress: http://v\ntargets:\n  - {name: a, address: 'http://a'}\n  - {name: b, address: 'http://b'}\n",
        [
            (
                "c.yml:2: defaults.adress: unknown key; "
                "known here: auth, cluster, collectors, labels, max_response_bytes, namespace, proxy, "
                "rate_limit, timeout, tls"
            )
        ],
    ),
    (
        "a key that could be a secret is not shown",
        TARGET + "hvs.CAESIsecret: 1\n",
        [f"c.yml:3: (a key): unknown key; known here: {KEYS}"],
    ),
    (
        "collectors that are none",
        "defaults:\n  collectors: {enable: [audit_device, telemetry], intervals: {telemetry: 1m}}\n" + TARGET,
        [
            f"c.yml:2: defaults.collectors.enable: not a collector; did you mean audit_devices? {COLLECTORS}",
            "c.yml:2: defaults.collectors.enable: telemetry runs unless telemetry.enabled is false; leave this out",
            "c.yml:2: defaults.collectors.intervals: telemetry has none; it is asked at every scrape",
        ],
    ),
    (
        "collectors used for what they are not",
        TARGET.rstrip("}\n") + ", collectors: {disable: [seal, mounts], enable: [mounts], intervals: {leader: 1m}}}\n",
        [
            ("c.yml:2: targets[0].collectors.disable: seal cannot be disabled, since alerts depend on what it says"),
            "c.yml:2: targets[0].collectors.disable: mounts is enabled, too; choose one",
            (
                "c.yml:2: targets[0].collectors.intervals: leader has none, since it tells the state of the node; "
                "it is asked at every scrape"
            ),
            "c.yml:2: targets[0].collectors: mounts needs a token; give the target auth, or do not enable it",
        ],
    ),
    (
        "a collector's interval without a unit, and a list of them",
        TARGET + "defaults: {collectors: {intervals: {mounts: 60}}}\n",
        [f"c.yml:3: defaults.collectors.intervals.mounts: {NOT_A_DURATION}"],
    ),
    (
        "intervals as a list",
        TARGET + "defaults: {collectors: {intervals: [mounts]}}\n",
        ["c.yml:3: defaults.collectors.intervals: must be a mapping, not a list"],
    ),
    (
        "a collector that needs a token, without one",
        TARGET + "defaults: {collectors: {enable: [audit_devices]}}\n",
        ["c.yml:3: defaults.collectors: audit_devices needs a token; give the target auth, or do not enable it"],
    ),
    (
        "secrets that are no paths",
        TARGET + "kv:\n  - {mount: /secret/, paths: []}\n  - {mount: 'a b', paths: [a, /b, c//d, e+]}\n",
        [
            "c.yml:4: kv[0].paths: no path in the list; add one",
            "c.yml:5: kv[1].mount: not a mount; write it as vault secrets list shows it, like secret or team/kv",
            *(f"c.yml:5: kv[1].paths: {path} {NO_PATH}" for path in ("/b", "c//d", "e+")),
        ],
    ),
    (
        "paths of secrets that would be others",
        TARGET + "kv:\n  - {mount: secret, paths: [a, /b, e+]}\ncanary: {mount: secret, path: 'canary/*'}\n",
        [
            f"c.yml:4: kv[0].paths: /b {NO_PATH}",
            f"c.yml:4: kv[0].paths: e+ {NO_PATH}",
            "c.yml:5: canary.path: names more than one secret; name one that is for nothing else",
        ],
    ),
    (
        "paths that lead elsewhere",
        TARGET
        + "kv:\n  - {mount: secret, paths: [a, ../b, c/./d, e..f, .g]}\ncanary: {mount: ../sys}\n"
        + "database: [{roles: [..]}]\n",
        [
            f"c.yml:4: kv[0].paths: ../b {NO_PATH}",
            f"c.yml:4: kv[0].paths: c/./d {NO_PATH}",
            "c.yml:5: canary.mount: not a mount; write it as vault secrets list shows it, like secret or team/kv",
            "c.yml:6: database[0].roles: .. is no role's name; it has none of / ? # % +",
        ],
    ),
    (
        "roles that are no names",
        TARGET + "approle: [{roles: []}]\ndatabase: [{roles: [a/b]}]\n",
        [
            "c.yml:3: approle[0].roles: no role in the list; add one",
            "c.yml:4: database[0].roles: a/b is no role's name; it has none of / ? # % +",
        ],
    ),
    (
        "a configured collector that is enabled",
        TARGET + "defaults: {collectors: {enable: [kv]}}\n",
        [
            (
                "c.yml:3: defaults.collectors.enable: kv runs where there is a section kv at the top of the file; "
                "leave this out"
            )
        ],
    ),
    ("targets as a mapping", "targets: {n1: http://v}\n", ["c.yml:1: targets: must be a list, not a mapping"]),
    ("a target as text", "targets: [http://v]\n", ["c.yml:1: targets[0]: must be a mapping, not text"]),
    (
        "a number for text",
        "targets: [{name: 1, address: 'http://v'}]\n",
        ["c.yml:1: targets[0].name: must be text, not a number"],
    ),
    (
        "text for true or false",
        TARGET + "telemetry: {enabled: 'yes'}\n",
        ["c.yml:3: telemetry.enabled: must be true or false, not text"],
    ),
    (
        "a fraction for a count",
        TARGET + "audit: {max_mounts: 1.5}\n",
        ["c.yml:3: audit.max_mounts: must be a whole number, not a decimal number"],
    ),
    ("0 for a count", TARGET + "audit: {max_mounts: 0}\n", ["c.yml:3: audit.max_mounts: must be above 0"]),
    (
        "a date for text",
        "targets: [{name: 2026-11-24, address: 'http://v'}]\n",
        ["c.yml:1: targets[0].name: must be text, not a date"],
    ),
    (
        "a key without a value",
        "targets:\n  - name: n1\n    address:\n",
        ["c.yml:3: targets[0].address: has no value; give one, or leave the key out"],
    ),
    ("the whole file as a list", "- a\n", ["c.yml:1: must be a mapping, not a list"]),
    ("missing address", "targets:\n  - name: n1\n", ["c.yml:2: targets[0]: address is missing"]),
    (
        "missing name and address",
        "targets:\n  - {}\n",
        ["c.yml:2: targets[0]: name is missing", "c.yml:2: targets[0]: address is missing"],
    ),
    (
        "empty list of targets",
        "targets: []\n",
        ["c.yml:1: targets: no target in the list; add one, or leave the key out"],
    ),
    (
        "nothing to do",
        "listen: ':9410'\n",
        [
            (
                "c.yml:1: nothing to monitor; set VAULT_ADDR or --address, list targets in a file and give it with --config, "
                "or follow an audit log with --audit-log"
            )
        ],
    ),
    (
        "empty file",
        "",
        [
            (
                "c.yml: nothing to monitor; set VAULT_ADDR or --address, list targets in a file and give it with --config, "
                "or follow an audit log with --audit-log"
            )
        ],
    ),
    (
        "duplicate target",
        "targets:\n  - {name: n1, address: 'http://a'}\n  - {name: n1, address: 'http://b'}\n",
        ["c.yml:3: targets[1].name: another target has this name (c.yml:2: targets[0].name); names must differ"],
    ),
    (
        "bad name",
        "targets: [{name: 'a b', address: 'http://v'}]\n",
        ["c.yml:1: targets[0].name: not a name; use letters, digits and . _ : -, starting with a letter or digit"],
    ),
    *(
        (
            f"bad URL {address}",
            f"targets: [{{name: n1, address: '{address}'}}]\n",
            [f"c.yml:1: targets[0].address: {error}"],
        )
        for address, error in (
            ("vault:8200", NOT_AN_ADDRESS),
            ("ftp://vault", NOT_AN_ADDRESS),
            ("http://", NOT_AN_ADDRESS),
            ("http://v:99999", "not a URL: bad host or port; write it like https://vault.example.com:8200"),
            ("http://[::1", "not a URL: bad host or port; write it like https://vault.example.com:8200"),
            ("http://ä", "not a URL; write it like https://vault.example.com:8200"),
            ("unix://vault.sock", "not the path of a socket; write it like unix:///run/vault.sock"),
            (f"unix:///{'a' * 107}", "the path of a socket has at most 107 characters"),
            ("http://[::1%25lo", "not a URL: bad host or port; write it like https://vault.example.com:8200"),
            ("http://[v1.a]", "the host in brackets is no IPv6 address; write it like [2001:db8::1]"),
            ("http://256.1", "the host is a number, but no IPv4 address; write it like 127.0.0.1"),
            ("http://127.0.0.1.1:8200", "the host is a number, but no IPv4 address; write it like 127.0.0.1"),
            (f"http://{'a' * 300}:8200", NOT_A_HOST),
            (f"http://{'a.' * 130}b:8200", NOT_A_HOST),
            ("http://a..b", NOT_A_HOST),
            ("http://u:hvs.planted@v", "has a user name or password in it; remove them, and use auth"),
            (
                "http://v?a=b",
                "has a query or fragment in it; give only the address, like https://vault.example.com:8200",
            ),
            ("https://v/v1/", "ends in /v1; leave that out"),
            ("", "empty, or with characters that cannot be printed"),
        )
    ),
    *(
        (f"bad duration {value}", f"defaults: {{timeout: {value}}}\n" + TARGET, [f"c.yml:1: defaults.timeout: {error}"])
        for value, error in (
            ("5", NOT_A_DURATION),
            ("5 s", NOT_A_DURATION),
            ("-5s", NOT_A_DURATION),
            ("fast", NOT_A_DURATION),
            ("0s", "must be longer than 0s"),
            ("99999999999s", "longer than 120s; a scrape must end before the next"),
            ("999999999999y", "too long"),
            (f"{'9' * 400}ms", NOT_A_DURATION),
            ("1:10" + ":10" * 30, "not a plain value; quote it if it is meant as text"),
            ("!!int ''", "not a plain value; quote it if it is meant as text"),
            ("!!bool hvs.planted", "not a plain value; quote it if it is meant as text"),
            ("!!timestamp foo", "not a plain value; quote it if it is meant as text"),
            ("5m", "longer than 120s; a scrape must end before the next"),
        )
    ),
    (
        "bad size",
        "defaults: {max_response_bytes: 16 megs}\n" + TARGET,
        ["c.yml:1: defaults.max_response_bytes: not a size; write it in bytes, or like 512KiB, 16MiB"],
    ),
    *(
        (f"bad listen {value}", f"listen: {value}\n" + TARGET, [f"c.yml:1: listen: {error}"])
        for value, error in (
            ("9410", 'not an address; write it in quotes, like ":9410" or "127.0.0.1:9410"'),
            ("'127.0.0.1:http'", "not an address; write it like :9410, 127.0.0.1:9410, or [::1]:9410"),
            ("':70000'", "the port is not from 1 to 65535"),
            ("a..b:9410", "the host is no host name; write the address like :9410, 127.0.0.1:9410, or [::1]:9410"),
            (
                f"{'a' * 64}:9410",
                "the host is no host name; write the address like :9410, 127.0.0.1:9410, or [::1]:9410",
            ),
            ("'::1:9410'", "not an address; write it like :9410, 127.0.0.1:9410, or [::1]:9410"),
        )
    ),
    (
        "unknown login",
        "targets: [{name: n1, address: 'http://v', auth: {method: magic}}]\n",
        [f"c.yml:1: targets[0].auth.method: not known; it is one of {METHODS}"],
    ),
    (
        "a list for a login's method",
        "targets: [{name: n1, address: 'http://v', auth: {method: [token]}}]\n",
        [f"c.yml:1: targets[0].auth.method: not known; it is one of {METHODS}"],
    ),
    (
        "login without method",
        "targets: [{name: n1, address: 'http://v', auth: {token: t}}]\n",
        [f"c.yml:1: targets[0].auth: method is missing; it is one of {METHODS}"],
    ),
    (
        "login as text",
        "targets: [{name: n1, address: 'http://v', auth: hvs.planted}]\n",
        ["c.yml:1: targets[0].auth: must be a mapping, not text"],
    ),
    (
        "token and file",
        "targets: [{name: n1, address: 'http://v', auth: {method: token, token: hvs.planted, token_file: '@/text'}}]\n",
        ["c.yml:1: targets[0].auth.token: give either token or token_file"],
    ),
    (
        "token that is none",
        "targets: [{name: n1, address: 'http://v', auth: {method: token, token: 'hvs.planted with'}}]\n",
        [
            (
                "c.yml:1: targets[0].auth.token: not a token: it is empty, or has characters that a token does not have, "
                "such as spaces"
            )
        ],
    ),
    (
        "token file in no directory",
        "targets: [{name: n1, address: 'http://v', auth: {method: token, token_file: '@/no/t'}}]\n",
        ["c.yml:1: targets[0].auth.token_file: there is no directory @/no"],
    ),
    (
        "token file is a directory",
        "targets: [{name: n1, address: 'http://v', auth: {method: token, token_file: '@/directory'}}]\n",
        ["c.yml:1: targets[0].auth.token_file: is a directory; name the file in it"],
    ),
    (
        "a token file that is a pipe",
        "targets: [{name: n1, address: 'http://v', auth: {method: token, token_file: '@/pipe'}}]\n",
        [
            (
                "c.yml:1: targets[0].auth.token_file: @/pipe cannot be read: a pipe, a socket or a device, not a "
                "regular file"
            ),
        ],
    ),
    *(
        (f"login {auth}", f"targets: [{{name: n1, address: 'http://v', auth: {{{auth}}}}}]\n", [f"c.yml:1: {error}"])
        for auth, error in (
            ("method: approle", "targets[0].auth: role_id is missing"),
            (
                "method: approle, role_id: r, secret_id: planted, secret_id_file: '@/text'",
                "targets[0].auth.secret_id: give either secret_id or secret_id_file",
            ),
            (
                "method: approle, role_id: r, wrapped: true",
                "targets[0].auth.wrapped: what is wrapped is missing; give secret_id_file or secret_id",
            ),
            ("method: userpass, username: u", "targets[0].auth: give either password or password_file"),
            (
                "method: ldap, username: u, password: ''",
                "targets[0].auth.password: empty, or with characters that cannot be printed",
            ),
            ("method: jwt, role: r, jwt_file: '@/no/t'", "targets[0].auth.jwt_file: there is no directory @/no"),
            (
                "method: kubernetes, role: r, mount: ../../sys/seal",
                "targets[0].auth.mount: not a mount; write it as vault auth list shows it, like userpass or team/userpass",
            ),
            (
                "method: kubernetes, role: r, mount: auth/k8s",
                "targets[0].auth.mount: starts with auth/; leave that out",
            ),
            (
                "method: kubernetes, role: r, mount: 'a b'",
                "targets[0].auth.mount: not a mount; write it as vault auth list shows it, like userpass or team/userpass",
            ),
            (
                "method: aws, access_key: a, secret_key: s, session_token: planted, session_token_file: '@/text'",
                "targets[0].auth.session_token: give either session_token or session_token_file",
            ),
            (
                "method: cert",
                "targets[0].auth: method cert identifies with tls.client_cert; give that and tls.client_key",
            ),
        )
    ),
    *(
        (f"discovery {source}", f"discovery: [{{{source}}}]\n", [f"c.yml:1: discovery[0]{error}"])
        for source, error in (
            ("name: v", ": type is missing; it is one of cluster, dns, file"),
            ("type: file, path: /t, max_targets: 0", ".max_targets: must be above 0"),
            ("type: file, path: /t, max_targets: all", ".max_targets: must be a whole number, not text"),
            ("type: consul", ".type: not known; it is one of cluster, dns, file"),
            ("type: cluster, address: 'http://v'", ": cluster is missing"),
            *(
                (
                    f"type: cluster, address: 'http://v', cluster: p, allow: ['{host}']",
                    (
                        ".allow[0]: neither a host nor a network; write it like vault.example.com, "
                        "*.vault.example.com or 10.0.0.0/8"
                    ),
                )
                for host in ("*", "v.*.com", "https://v", "v:8200", "10.0.0.1/8", "10.0.0", "a..b")
            ),
            ("type: dns, name: v, scheme: tcp", ".scheme: not known; it is http or https"),
            (
                "type: file, path: t.yml, labels: {instance: n1}",
                ".labels: instance cannot be given; use letters, digits and _, and none of instance, cluster, job",
            ),
            (
                "type: file, path: t.yml, auth: {method: cert}",
                ".auth: method cert identifies with tls.client_cert; give that and tls.client_key",
            ),
        )
    ),
    (
        "names of certificates that are not read",
        TARGET + "pki: [{mount: pki, names: [a]}]\n",
        ["c.yml:3: pki[0].names: takes certificates: true, which reads the certificates that the engine issues"],
    ),
    (
        "too many names of certificates",
        TARGET + f"pki: [{{mount: pki, certificates: true, names: [{', '.join(f'n{one}' for one in range(101))}]}}]\n",
        ["c.yml:3: pki[0].names: more than 100; each is a series"],
    ),
    (
        "TLS without TLS",
        "targets:\n  - name: n1\n    address: http://v\n    tls: {server_name: v}\n",
        ["c.yml:4: targets[0].tls: has no effect, since the address is not https://; use that or leave this out"],
    ),
    *(
        (f"bad TLS {tls}", f"defaults: {{tls: {{{tls}}}}}\n" + TARGET, [f"c.yml:1: defaults.tls.{error}"])
        for tls, error in (
            ("ca_cert: '@/none'", "ca_cert: @/none cannot be read: No such file or directory"),
            ("ca_cert: '@/pipe'", "ca_cert: @/pipe cannot be read: a pipe, a socket or a device, not a regular file"),
            (
                "client_cert: '@/pipe'",
                "client_cert: @/pipe cannot be read: a pipe, a socket or a device, not a regular file",
            ),
            ("ca_cert: '@/text'", "ca_cert: @/text is not a certificate in PEM format"),
            ("ca_path: '@/text'", "ca_path: not a directory"),
            ("client_key: '@/client.key'", "client_key: without client_cert; give both"),
            ("client_cert: '@/none'", "client_cert: @/none cannot be read: No such file or directory"),
            (
                "client_cert: '@/client.pem'",
                "client_cert: needs client_key, since it does not hold certificate and key",
            ),
            ("client_cert: '@/client.pem', client_key: '@/other.key'", "client_key: not the key of client_cert"),
            (
                "client_cert: '@/client.pem', client_key: '@/encrypted.key'",
                "client_cert: this and client_key are no certificate and key in PEM format, or the key is encrypted",
            ),
        )
    ),
    (
        "audit log is a directory",
        "audit: {logs: ['@/directory']}\n",
        ["c.yml:1: audit.logs: @/directory is a directory; name the file in it"],
    ),
    (
        "audit log is compressed",
        "audit: {logs: [/audit.log.1.gz, '/archive/*.gz']}\n",
        [
            "c.yml:1: audit.logs: /audit.log.1.gz is compressed; name the file that Vault writes, and give this one to replay"
        ],
    ),
    (
        "checkpoint in no directory",
        "audit: {logs: [/a.log], checkpoint: /no/such/place}\n",
        ["c.yml:1: audit.checkpoint: there is no directory /no/such"],
    ),
    (
        "checkpoint is a log",
        "audit: {logs: [/a.log], checkpoint: /a.log}\n",
        ["c.yml:1: audit.checkpoint: is an audit log; name a file of its own"],
    ),
    (
        "checkpoint matches a pattern of logs",
        "audit: {logs: ['/*'], checkpoint: /place}\n",
        ["c.yml:1: audit.checkpoint: matches /*, so it would be read as an audit log; name a file elsewhere"],
    ),
    ("audit log twice", "audit: {logs: [/a.log, /a.log]}\n", ["c.yml:1: audit.logs: /a.log is listed twice"]),
    *(
        (
            f"event rule: {rule}",
            f"audit:\n  logs: [/a.log]\n  events:\n    rules:\n      - {{{rule}}}\n",
            [f"c.yml:5: audit.events.rules[0]{said}"],
        )
        for rule, said in (
            ("paths: [sys/*]", ": event is missing"),
            (
                "event: Keys, paths: [sys/*]",
                ".event: not a name; use small letters, digits and _, starting with a letter, at most 64",
            ),
            ("event: seal, paths: [sys/*]", ".event: seal is built in; choose another name, or leave the rule out"),
            (
                "event: everything",
                ".event: the rule has no condition, so that every request would be an event; give paths, policies, ...",
            ),
            ("event: e, paths: [/sys]", ".paths: /sys starts with a slash; paths in the audit log do not"),
            ("event: e, paths: ['a*/b']", ".paths: a*/b has * before its end; use + for one segment"),
            ("event: e, paths: [a/b+]", ".paths: a/b+ has + within a segment; it stands for a whole one"),
            ("event: e, policies: ['*x']", ".policies: *x has * before its end"),
            (
                "event: e, errors: [denied]",
                (
                    ".errors: denied is not a class of errors; known here: permission_denied, "
                    "invalid_token, invalid_path, invalid_request, rate_limited, sealed, read_only_standby, internal, other"
                ),
            ),
            (
                "event: e, token_types: [root]",
                ".token_types: root is not a type of token; known here: service, batch, default",
            ),
            (
                "event: e, logins: true, outcome: ok",
                ".outcome: ok is not an outcome; known here: success, failure, any",
            ),
            (
                "event: e, errors: [other], outcome: any",
                ".outcome: cannot be any beside errors, which make it a failure; leave it out",
            ),
            ("event: e, logins: true, threshold: {count: 3}", ".threshold: within is missing"),
            (
                "event: e, logins: true, threshold: {count: 10001, within: 1m}",
                ".threshold.count: above 10000; as many times are kept in memory",
            ),
        )
    ),
    *(
        (
            f"allowed event: {allowed}",
            f"audit:\n  logs: [/a.log]\n  events:\n    allow:\n      - {{{allowed}}}\n",
            [f"c.yml:{said}"],
        )
        for allowed, said in (
            ("entity_ids: [e-1]", "5: audit.events.allow[0]: events is missing"),
            (
                "events: [], hours: '01:00-02:00'",
                "5: audit.events.allow[0].events: is empty; name the events that are allowed",
            ),
            (
                "events: [seal]",
                (
                    "5: audit.events.allow[0].events: would always be allowed; give entity_ids, display_names or hours, "
                    "or disable the event"
                ),
            ),
            (
                "events: [seal], hours: 1-2",
                "5: audit.events.allow[0].hours: is not a span of the day; write it as HH:MM-HH:MM, in UTC",
            ),
            (
                "events: [seal], hours: '24:00-25:00'",
                "5: audit.events.allow[0].hours: is not a span of the day; write it as HH:MM-HH:MM, in UTC",
            ),
            (
                "events: [raw_values_logged], entity_ids: [e-1]",
                (
                    "5: audit.events.allow: raw_values_logged cannot be allowed, since it says nothing of who asked; "
                    "disable it instead"
                ),
            ),
        )
    ),
    (
        "built-in event that is not known",
        "audit:\n  logs: [/a.log]\n  events: {disable: [seals]}\n",
        [
            (
                "c.yml:3: audit.events.disable: seals is not a built-in event; did you mean seal? Known here: "
                "root_token_used, root_token_created, generate_root, rekey, barrier_key_rotated, seal, step_down, "
                "audit_device_changed, policy_changed, auth_method_changed, mount_changed, raw_storage_access, "
                "snapshot_taken, snapshot_restored, token_without_expiry_created, sudo_path_used, login_burst, "
                "raw_values_logged"
            )
        ],
    ),
    *(
        (f"bad input {keys}", f"audit: {{inputs: [{{{keys}}}]}}\n", [f"c.yml:1: audit.inputs[0]{error}"])
        for keys, error in (
            ("type: magic", ".type: not known; it is one of stdin, socket, syslog, http"),
            ("type: stdin, listen: a", ".listen: unknown key; known here: type"),
            ("type: socket", ": listen is missing"),
            (
                "type: socket, listen: ':9411'",
                (".listen: not an address; write it like tcp://127.0.0.1:9411, udp://:5514, or unix:///run/audit.sock"),
            ),
            (
                "type: socket, listen: 'tcp://127.0.0.1'",
                ".listen: the port is missing; write it like tcp://127.0.0.1:9411",
            ),
            ("type: socket, listen: 'tcp://:0'", ".listen: the port is not from 1 to 65535"),
            (
                "type: socket, listen: 'unix://a'",
                ".listen: the socket's path must begin with / and have at most 107 bytes",
            ),
            (
                "type: socket, listen: 'udp://:5514'",
                ".listen: a socket input is tcp:// or unix://; Vault's device loses entries over udp",
            ),
            ("type: syslog, listen: 'unix:///a'", ".listen: a syslog input is udp://, tcp:// or unixgram://"),
            (
                "type: syslog, listen: 'udp://:1', allow: [everybody]",
                ".allow[0]: not a network; write it like 10.0.0.0/8, fd00::/8, or 192.0.2.7",
            ),
            (
                "type: socket, listen: 'unix:///a', allow: [10.0.0.0/8]",
                ".allow: has no effect on a Unix socket; set mode",
            ),
            (
                "type: socket, listen: 'unix:///a', mode: 660",
                '.mode: not permissions; write them in quotes as octal digits, like "0660"',
            ),
            ("type: http, token_file: '@/no/t'", ".token_file: there is no directory @/no"),
            ("type: http, token_file: '@/directory'", ".token_file: is a directory; name the file in it"),
        )
    ),
    (
        "input twice",
        "audit: {inputs: [{type: stdin}, {type: stdin}]}\n",
        ["c.yml:1: audit.inputs: stdin is listed twice"],
    ),
    *(
        (f"who asks: {keys}", f"audit: {{logs: [/a.log], {keys}}}\n", [f"c.yml:1: audit.{error}"])
        for keys, error in (
            ("paths: [/secret/*]", "paths: /secret/* starts with /; paths of the audit log do not"),
            ("paths: ['a/b*']", "paths: a/b* b* is no segment; write {name} or * for a whole one, between slashes"),
            ("paths: [a/b, a/b]", "paths: a/b is listed twice"),
            ("top: {clients: [other]}", "top: other stands for all clients that are not listed; leave it out"),
            ("top: {tracked: 1000000}", "top: tracked is above 100000; all are kept in memory"),
            ("top: {window: 0s}", "top.window: must be longer than 0s"),
        )
    ),
    (
        "audit logs as text",
        "audit: {logs: /a.log}\n",
        ["c.yml:1: audit.logs: must be a list, not text; put it in brackets, like [a, b]"],
    ),
    (
        "key given twice",
        "listen: ':1'\nlisten: ':2'\n" + TARGET,
        ["c.yml:2: listen: given twice; the first is in line 1"],
    ),
    ("a key that is no text", "1: a\n" + TARGET, ["c.yml:1: a key that is not text; quote it"]),
    (
        "invalid YAML",
        "targets: [\n  {name: n1\n",
        ["c.yml:3: invalid YAML at column 1: did not find expected ',' or '}'"],
    ),
    *(
        (
            f"an input on the exporter's own port, {own} and {listen}",
            f"listen: '{own}'\naudit:\n  inputs:\n    - {{type: stdin}}\n    - {{type: socket, listen: 'tcp://{listen}'}}\n",
            [f"c.yml:5: audit.inputs[1].listen: the exporter itself listens on {own}; choose another port"],
        )
        for own, listen in ((":9410", "127.0.0.1:9410"), ("127.0.0.1:9", ":9"), ("[::1]:9", "[::1]:9"))
    ),
    (
        "invalid YAML around a token",
        "targets:\n  - token: 'hvs.planted\n",
        ["c.yml:3: invalid YAML at column 1: found unexpected end of stream"],
    ),
    (
        "tab",
        "targets:\n\t- a\n",
        ["c.yml:2: invalid YAML at column 1: a tab; indent with spaces"],
    ),
    ("control character", "listen: a\x00b\n", ["c.yml:1: invalid YAML: a character that YAML does not allow"]),
    (
        "two documents",
        TARGET + "---\n" + TARGET,
        ["c.yml:3: invalid YAML at column 1: expected a single document in the stream, but found another document"],
    ),
    ("unknown alias", "listen: *x\n", ["c.yml:1: invalid YAML at column 9: found undefined alias"]),
    (
        "a tag",
        "listen: !!python/object:os.system x\n" + TARGET,
        ["c.yml:1: listen: not a plain value; quote it if it is meant as text"],
    ),
    (
        "everything at once, in the order of the file",
        (
            "listen: 1\n"
            "targets:\n"
            "  - {name: a, address: nowhere}\n"
            "  - {name: a, address: 'http://b', timeout: 1}\n"
            "audit: {logs: no}\n"
        ),
        [
            'c.yml:1: listen: not an address; write it in quotes, like ":9410" or "127.0.0.1:9410"',
            f"c.yml:3: targets[0].address: {NOT_AN_ADDRESS}",
            f"c.yml:4: targets[1].timeout: {NOT_A_DURATION}",
            "c.yml:4: targets[1].name: another target has this name (c.yml:3: targets[0].name); names must differ",
            "c.yml:5: audit.logs: must be a list, not true or false; put it in brackets, like [a, b]",
        ],
    ),
    (
        "types and ranges at once",
        (
            "targets:\n"
            "  - {name: a, address: 'http://b', timeout: 200s, proxy: 5, labels: {job: x}, auth: {method: none, x: 1}}\n"
            "audit:\n"
            "  top: {tracked: 1000000, clients: 5}\n"
            "  paths: [5, 'a/{b', 'a/{b']\n"
            "  inputs: [{type: socket, listen: 'udp://127.0.0.1:9410'}, {type: socket, listen: 'tcp://127.0.0.1:9410'}]\n"
            "  events:\n"
            "    disable: [none]\n"
            "    rules: [{event: A, paths: 5}, {event: b, logins: 5}]\n"
            "    allow: [{events: [c], hours: now, display_names: 5}]\n"
        ),
        [
            "c.yml:2: targets[0].proxy: must be text, not a number",
            "c.yml:2: targets[0].auth.x: unknown key; known here: method",
            "c.yml:2: targets[0].timeout: longer than 120s; a scrape must end before the next",
            (
                "c.yml:2: targets[0].labels: job cannot be given; use letters, digits and _, and none of "
                "instance, cluster, job"
            ),
            "c.yml:4: audit.top.clients: must be a list, not a number; put it in brackets, like [a, b]",
            "c.yml:4: audit.top: tracked is above 100000; all are kept in memory",
            "c.yml:5: audit.paths[0]: must be text, not a number",
            "c.yml:5: audit.paths: a/{b {b is no segment; write {name} or * for a whole one, between slashes",
            "c.yml:5: audit.paths: a/{b is listed twice",
            (
                "c.yml:6: audit.inputs[0].listen: a socket input is tcp:// or unix://; Vault's device loses "
                "entries over udp"
            ),
            "c.yml:6: audit.inputs[1].listen: the exporter itself listens on :9410; choose another port",
            f"c.yml:8: audit.events.disable: none is not a built-in event; known here: {EVENTS}",
            "c.yml:9: audit.events.rules[0].paths: must be a list, not a number; put it in brackets, like [a, b]",
            (
                "c.yml:9: audit.events.rules[0].event: not a name; use small letters, digits and _, starting "
                "with a letter, at most 64"
            ),
            "c.yml:9: audit.events.rules[1].logins: must be true or false, not a number",
            (
                "c.yml:10: audit.events.allow[0].display_names: must be a list, not a number; put it in "
                "brackets, like [a, b]"
            ),
            "c.yml:10: audit.events.allow[0].hours: is not a span of the day; write it as HH:MM-HH:MM, in UTC",
            f"c.yml:10: audit.events.allow: c is not an event; known here: {EVENTS}, A, b",
        ],
    ),
    (
        "checks that need what could not be read say nothing",
        (
            "targets: [{name: a, address: 'http://b', auth: 5, collectors: {enable: [mounts]}}]\n"
            "audit:\n"
            "  logs: 5\n"
            "  checkpoint: /tmp/checkpoint\n"
            "  events: {rules: [{event: b, paths: 5}], allow: [{events: [b], hours: 5}]}\n"
        ),
        [
            "c.yml:1: targets[0].auth: must be a mapping, not a number",
            "c.yml:3: audit.logs: must be a list, not a number; put it in brackets, like [a, b]",
            "c.yml:5: audit.events.rules[0].paths: must be a list, not a number; put it in brackets, like [a, b]",
            "c.yml:5: audit.events.allow[0].hours: must be text, not a number",
        ],
    ),
]
