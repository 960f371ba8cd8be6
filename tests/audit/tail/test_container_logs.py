"""Audit logs on a container's standard output: the tailer and ``replay`` count what Vault wrote, and nothing else."""

import gzip
import itertools
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.audit.container import PART_BYTES, Kind, Runtime
from tests.audit.device import Clock
from tests.audit.entries import line
from tests.audit.reading import Prometheus, open_reader, scrape, value
from tests.lab.api import call
from tests.lab.waiting import wait_until
from vault_exporter.cli.table import assembled
from vault_exporter.config.schema.model import Audit, AuditFormat
from vault_exporter.demo.openbao import audit_file
from vault_exporter.demo.process import free_port, program
from vault_exporter.metrics import catalogue as c

BANNER = b"==> OpenBao server configuration:"
SERVER = b"2026-11-28T15:00:00.000Z [INFO]  core: vault is unsealed"
SERVER_JSON = b'{"@level":"info","@message":"core: vault is unsealed","@timestamp":"2026-11-28T15:00:00.000000Z"}'
ROOT = "root-token"
KINDS: tuple[Kind, ...] = ("cri", "docker")


def request(id_: str) -> bytes:
    return compact(line("request", id_=id_))


def long(id_: str, size: int = 50_000) -> bytes:
    return compact(line("response", id_=id_, response={"data": {"keys": ["hmac-sha256:" + "a" * 64] * (size // 80)}}))


def compact(entry: bytes) -> bytes:
    """As Vault writes it."""
    return json.dumps(json.loads(entry), separators=(",", ":")).encode() + b"\n"


class Exporter:
    """An exporter that follows a pod's logs by a pattern, and is killed and started again."""

    def __init__(self, directory: Path, format_: AuditFormat = AuditFormat.AUTO, *, from_start: bool = True) -> None:
        self.clock = Clock()
        self.prometheus = Prometheus()
        checkpoint = directory / "checkpoint.json"
        self._settings = Audit(
            logs=(directory / "*.log",),
            checkpoint=checkpoint,
            format=format_,
            from_start=from_start,
            max_line_bytes=2 << 20,
        )

    async def start(self) -> None:
        self.reader = open_reader(self._settings, self.clock)
        await self.scrape()

    async def scrape(self) -> None:
        for _ in range(2):
            await scrape(self.reader, self.prometheus)

    async def look(self) -> None:
        self.clock.now += 2
        await self.scrape()

    def counted(self) -> tuple[float, float, float]:
        """Entries, other lines, rejected lines, over all restarts."""
        families = (c.AUDIT_ENTRIES, c.AUDIT_OTHER_LINES, c.AUDIT_REJECTED)
        entries, other, rejected = (self.prometheus.increase[family.name] for family in families)
        return entries, other, rejected


def replayed(*files: Path, jobs: int = 1) -> tuple[float, float, float]:
    """The same of ``replay``."""
    result = CliRunner().invoke(assembled(()), ["replay", "--json", f"--jobs={jobs}", *map(str, files)])
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    return said["requests"] + said["responses"], said["other_lines"], sum(said["rejected"].values())


@pytest.fixture
async def exporter(tmp_path: Path) -> AsyncIterator[Exporter]:
    exporter = Exporter(tmp_path)
    await exporter.start()
    yield exporter
    for log in exporter.reader.logs:
        log.close()


@pytest.mark.parametrize("kind", KINDS)
async def test_entries_among_the_servers_own_lines(tmp_path: Path, exporter: Exporter, kind: Kind) -> None:
    runtime = Runtime(tmp_path, kind)
    runtime.write(BANNER)
    runtime.write(b"")
    runtime.write(b"             Api Address: http://127.0.0.1:8200")
    for text in (long("a"), SERVER, SERVER_JSON, request("b"), line("response", id_="b")):
        runtime.write(text)
    runtime.write(SERVER, "stderr")
    await exporter.look()
    assert exporter.counted() == replayed(runtime.path) == (3, 5, 0)
    assert value(exporter.reader, c.AUDIT_UNMATCHED) == 1
    assert value(exporter.reader, c.AUDIT_LAG) == 0


@pytest.mark.parametrize("format_", [AuditFormat.AUTO, AuditFormat.STDOUT])
async def test_standard_output_that_was_redirected_to_a_file(tmp_path: Path, format_: AuditFormat) -> None:
    log = tmp_path / "vault.log"
    log.write_bytes(
        b"\n".join((BANNER, b"", b"   Version: 2.5", SERVER, SERVER_JSON, b"")) + long("a") + SERVER + b"\n"
    )
    exporter = Exporter(tmp_path, format_)
    await exporter.start()
    assert exporter.counted() == replayed(log) == (1, 5, 0)


async def test_what_an_entrypoint_says_before_the_server(tmp_path: Path, exporter: Exporter) -> None:
    """Before the first line of the server it cannot be told from a line that was destroyed; then it can."""
    log = tmp_path / "vault.log"
    torn = request("torn")[:-40] + b"\n"
    log.write_bytes(b"Could not chown /vault/config\n" + torn + BANNER + b"\n" + request("a"))
    await exporter.look()
    assert exporter.counted() == replayed(log) == (1, 2, 1)
    late = tmp_path / "late.log"
    late.write_bytes(b"Could not chown /vault/config\n")
    alone = Exporter(tmp_path / "alone")
    (tmp_path / "alone").mkdir()
    late = late.rename(tmp_path / "alone" / "vault.log")
    await alone.start()
    assert alone.counted() == (0, 0, 1)
    late.write_bytes(late.read_bytes() + SERVER + b"\ntext\n" + request("a"))
    await alone.look()
    assert alone.counted() == (1, 2, 1)  # what was published is not taken back
    alone.reader.logs[0].close()


@pytest.mark.parametrize(
    "prefix",
    [
        b"2026-11-28T15:00:00.000000001Z ",
        b"[pod/vault-0/vault] ",
        b"\x1b[36mvault-1  |\x1b[0m ",
        b"Nov 28 15:00:00 host-1 vault[712]: ",
        b"2026-11-28T15:00:00+01:00 host-1 vault[712]: ",
    ],
)
async def test_what_tools_print_of_standard_output(tmp_path: Path, exporter: Exporter, prefix: bytes) -> None:
    """The entries of it count, as with a prefix of the device, and the server's own lines are no rejects."""
    coloured = SERVER.replace(b"[INFO]", b"\x1b[34m[INFO]\x1b[0m")
    lines = [BANNER, b"   Version: 2.5", SERVER, SERVER_JSON, coloured, long("a").strip(), request("b").strip()]
    log = tmp_path / "vault.log"
    log.write_bytes(b"".join(prefix + text + b"\n" for text in lines))
    await exporter.look()
    assert exporter.counted() == replayed(log) == (2, 5, 0)


async def test_a_format_that_is_said(tmp_path: Path) -> None:
    """Of a plain log, a line in an envelope is an entry with a prefix, and other lines are rejected."""
    for name, format_, counted in (
        ("cri", AuditFormat.CRI, (2, 1, 0)),
        ("docker", AuditFormat.DOCKER, (1, 1, 4)),
        ("plain", AuditFormat.PLAIN, (1, 0, 5)),
    ):
        directory = tmp_path / name
        directory.mkdir()
        runtime = Runtime(directory)
        for text in (long("a"), line("request"), b"text"):
            runtime.write(text)
        exporter = Exporter(directory, format_)
        await exporter.start()
        assert exporter.counted() == counted, name


@pytest.mark.parametrize("kind", KINDS)
async def test_streams_that_are_interleaved_between_parts(tmp_path: Path, exporter: Exporter, kind: Kind) -> None:
    runtime = Runtime(tmp_path, kind)
    out, err = runtime.parts(long("a")), runtime.parts(SERVER * 1000, "stderr")
    for parts in itertools.zip_longest(out, err, fillvalue=b""):
        for part in parts:
            runtime.append(part)
            await exporter.look()
    runtime.write(long("b"))
    await exporter.look()
    assert exporter.counted() == replayed(runtime.path) == (2, 1, 0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("following", [long("b"), request("b")])
async def test_a_line_whose_last_part_never_comes(
    tmp_path: Path, exporter: Exporter, kind: Kind, following: bytes
) -> None:
    """What follows is glued to it, as to a torn line of a plain log."""
    runtime = Runtime(tmp_path, kind)
    runtime.append(runtime.parts(long("torn"))[0])
    runtime.write(following)
    runtime.write(request("c"))
    await exporter.look()
    assert exporter.counted() == replayed(runtime.path) == (2, 0, 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_start_at_the_end_in_the_middle_of_lines(tmp_path: Path, kind: Kind) -> None:
    """A line counts when it is complete, as in a plain log, unless it began too far before."""
    runtime = Runtime(tmp_path, kind)
    runtime.write(request("before"))
    out, err = runtime.parts(long("a")), runtime.parts(SERVER * 1000, "stderr")
    for part in (out[0], err[0], out[1]):
        runtime.append(part)
    exporter = Exporter(tmp_path, from_start=False)
    await exporter.start()
    for part in (*err[1:], *out[2:]):
        runtime.append(part)
    runtime.write(request("b"))
    await exporter.look()
    assert exporter.counted() == (2, 1, 0)
    *most, last = runtime.parts(long("c", 1_500_000))
    for part in most:
        runtime.append(part)
    later = Exporter(tmp_path, from_start=False)
    (tmp_path / "checkpoint.json").unlink()
    await later.start()
    runtime.append(last)
    runtime.write(request("d"))
    for one, counted in ((later, (1, 0, 0)), (exporter, (4, 1, 0))):
        await one.look()
        assert one.counted() == counted
        one.reader.logs[0].close()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_line_that_is_torn_at_the_end_for_good(tmp_path: Path, exporter: Exporter, kind: Kind) -> None:
    runtime = Runtime(tmp_path, kind)
    runtime.write(request("a"))
    runtime.append(runtime.parts(long("torn"))[0])
    await exporter.look()
    assert exporter.counted() == (1, 0, 0)  # its end may come yet
    assert value(exporter.reader, c.AUDIT_LAG) == runtime.part_bytes
    assert replayed(runtime.path) == (1, 0, 1)
    runtime.path.unlink()
    exporter.clock.now += 4000
    await exporter.look()
    assert exporter.counted() == (1, 0, 1)


async def test_a_part_that_the_crash_of_the_machine_tore(tmp_path: Path, exporter: Exporter) -> None:
    """Behind it lies what comes next, and its beginning may be NUL."""
    runtime = Runtime(tmp_path)
    runtime.append(runtime.part(request("torn")[:80])[:-1])
    runtime.write(request("a"))
    runtime.append(bytes(100))
    runtime.write(request("b"))
    await exporter.look()
    assert exporter.counted() == replayed(runtime.path) == (2, 0, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("restarts", ["none", "before the rest", "at each part"])
@pytest.mark.parametrize("place", [1, 2, 3])
async def test_a_line_over_a_rotation(
    tmp_path: Path, exporter: Exporter, kind: Kind, restarts: str, place: int
) -> None:
    runtime = Runtime(tmp_path, kind)
    runtime.write(request("a"))
    parts = runtime.parts(long("b"))
    assert len(parts) == 4
    for number, part in enumerate(parts):
        if number == place:
            runtime.rotate()
        runtime.append(part)
        runtime.write(SERVER, "stderr")
        await exporter.look()
        if restarts == "at each part" or (restarts == "before the rest" and number == place - 1):
            await exporter.start()
    runtime.write(request("c"))
    await exporter.look()
    assert exporter.counted() == (3, 4, 0)
    (renamed,) = runtime.rotated
    assert replayed(runtime.path, renamed) == replayed(renamed, runtime.path, jobs=2) == (3, 4, 0)


async def test_a_rotated_file_is_held_open_for_the_rest_of_a_line(tmp_path: Path, exporter: Exporter) -> None:
    """So that the checkpoint can name the parts that are in it; after a minute the line is given up."""
    runtime = Runtime(tmp_path)
    first, *rest = runtime.parts(long("a"))
    runtime.append(first)
    runtime.rotate()
    runtime.write(SERVER, "stderr")
    for _ in range(3):
        exporter.clock.now += 15
        await exporter.scrape()
    await exporter.start()
    for part in rest:
        runtime.append(part)
    await exporter.look()
    assert exporter.counted() == (1, 1, 0)
    runtime.append(runtime.parts(long("b"))[0])
    runtime.rotate()
    runtime.write(SERVER, "stderr")
    for _ in range(10):
        exporter.clock.now += 15
        await exporter.scrape()
    assert exporter.counted() == (1, 2, 1)


async def test_rotations_as_the_kubelet_does_them(tmp_path: Path, exporter: Exporter) -> None:
    """Renamed, then compressed with the next rotation; a container that starts again has a new file."""
    runtime, written = Runtime(tmp_path), 0
    for number in range(6):
        for id_ in "abc":
            runtime.write(long(f"{number}{id_}", 100 + 15_000 * (number % 4)))
            written += 1
        runtime.write(SERVER, "stderr")
        if number % 2:
            await exporter.look()
        runtime.rotate()
        await exporter.look()
        if number == 3:
            await exporter.start()
    again = Runtime(tmp_path)
    again.path = tmp_path / "1.log"
    again.path.touch()
    again.write(long("again"))
    await exporter.look()
    assert exporter.counted() == (written + 1, 6, 0)
    assert value(exporter.reader, c.AUDIT_GAPS) == 0
    packed = runtime.rotated
    assert [path.suffix for path in packed].count(".gz") == 5
    assert replayed(*packed, runtime.path, again.path, jobs=2) == (written + 1, 6, 0)


@pytest.mark.parametrize("compress", [False, True])
async def test_links_to_the_logs_of_pods(tmp_path: Path, compress: bool) -> None:  # noqa: FBT001 - a parameter
    """As in ``/var/log/containers``; what is rotated lies beside the file, not beside the link."""
    links, pod = tmp_path / "containers", tmp_path / "pod"
    links.mkdir()
    pod.mkdir()
    runtime, exporter = Runtime(pod), Exporter(links)
    (links / "vault-0_vault_vault-1f2e.log").symlink_to(runtime.path)
    runtime.write(long("a"))
    await exporter.start()
    for id_ in "bc":  # twice between two looks
        runtime.write(long(id_))
        runtime.rotate()
    if not compress:
        (packed,) = pod.glob("*.gz")
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    runtime.write(request("d"))
    await exporter.start()
    assert exporter.counted() == ((3 if compress else 4), 0, 0)
    assert value(exporter.reader, c.AUDIT_GAPS) == compress


async def test_a_file_that_was_compressed_while_the_exporter_was_down(tmp_path: Path, exporter: Exporter) -> None:
    runtime = Runtime(tmp_path)
    runtime.write(long("a"))
    await exporter.look()
    for id_ in ("b", "c"):
        runtime.rotate()
        runtime.write(long(id_))
    runtime.rotate()
    await exporter.start()
    assert value(exporter.reader, c.AUDIT_GAPS) == 1
    assert exporter.counted()[0] == 2  # of a and c


@pytest.mark.parametrize("seed", range(10))
async def test_whatever_happens_every_entry_counts_once(tmp_path: Path, seed: int) -> None:
    """Random lines, cuts, rotations, scrapes that are not received, and kills."""
    chance = random.Random(seed)  # noqa: S311 - a test
    runtime = Runtime(tmp_path, chance.choice(KINDS), part_bytes=chance.choice([500, 2000]))
    exporter = Exporter(tmp_path)
    await exporter.start()
    queues: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    written = other = 0
    for step in range(60):
        if chance.random() < 0.5:
            if chance.random() < 0.7:
                queues["stdout"] += runtime.parts(long(f"{step}", chance.randrange(0, 5_000)))
                written += 1
            else:
                stream = chance.choice(["stdout", "stderr"])
                queues[stream] += runtime.parts(SERVER + b"x" * chance.randrange(2000), stream)
                other += 1
        for _ in range(chance.randrange(12)):
            if waiting := [queue for queue in queues.values() if queue]:
                runtime.append(chance.choice(waiting).pop(0))
        action = chance.random()
        if action < 0.1:
            runtime.rotate()
            await exporter.look()
        elif action < 0.4:
            exporter.clock.now += 2
            await scrape(exporter.reader, exporter.prometheus, completely=chance.random() < 0.7)
        elif action < 0.5:
            await exporter.start()
    for part in itertools.chain(*queues.values()):
        runtime.append(part)
    await exporter.look()
    await exporter.look()
    assert exporter.counted() == (written, other, 0)
    files = [runtime.path, *runtime.rotated]
    chance.shuffle(files)
    assert replayed(*files) == (written, other, 0)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_real_server_with_its_audit_log_on_standard_output(tmp_path: Path, kind: Kind) -> None:
    pod, plain = tmp_path / "pod", tmp_path / "audit.log"
    pod.mkdir()
    port, own = free_port(), free_port()
    devices = [{"type": "file", "path": "stdout", "options": {"file_path": "stdout"}}, *audit_file(plain)]
    listener = [{"tcp": {"address": f"127.0.0.1:{port}", "tls_disable": True}}]
    config, address = tmp_path / "openbao.json", f"http://127.0.0.1:{port}"
    config.write_text(json.dumps({"listener": listener, "audit": devices}))
    options = ["-dev", "-dev-no-store-token", f"-dev-listen-address=127.0.0.1:{own}", f"-config={config}"]
    runtime, exporter = Runtime(pod, kind), Exporter(pod)
    environment = {"HOME": str(tmp_path), "BAO_DEV_ROOT_TOKEN_ID": ROOT}
    with runtime.run([program("bao"), "server", *options], tmp_path, rotate_bytes=300_000, **environment):
        wait_until(lambda: is_ready(address), what="the server is ready")
        await exporter.start()
        for number in range(300):
            call(address, "PUT", f"secret/data/{'long-name-' * 10}{number}", ROOT, data={"a": "b"})
            if not number % 20:
                await exporter.look()
            if not number % 100:
                await exporter.start()
        for _ in range(10):  # about 25 KiB each
            assert call(address, "LIST", "secret/metadata", ROOT).status == 200
        call(address, "GET", "secret/data/x", "no-token")
    await exporter.look()
    lines = plain.read_bytes().splitlines()
    assert max(map(len, lines)) > PART_BYTES
    entries, other, rejected = exporter.counted()
    assert (entries, rejected) == (len(lines), 0)
    assert other > 10
    assert len(runtime.rotated) > 1
    assert replayed(*runtime.rotated, runtime.path) == (len(lines), other, 0)
    assert replayed(plain) == (len(lines), 0, 0)


def is_ready(address: str) -> bool:
    try:
        return call(address, "GET", "sys/health").status == 200
    except OSError:
        return False
