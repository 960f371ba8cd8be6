"""A machine whose name server never answers: a program for a network and mount namespace of its own.

Started by ``test_silent_names.py`` with ``unshare``. It gives ``localhost`` a name server that takes questions and says
nothing, starts a healthy node with TLS and the exporter with that node and targets of names that hang, and prints as
JSON what a scrape of the healthy node gave and how long the exporter then took to stop.
"""

import asyncio
import fcntl
import json
import signal
import socket
import ssl
import struct
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import trustme
from aiohttp import web

from tests.lab.fake_node import HEALTH, LEADER, SEAL_STATUS
from tests.lab.waiting import PATIENCE
from vault_exporter.demo.process import free_port, program

SET_FLAGS, IS_UP = 0x8914, 0x1
ANSWERS = {"sys/health": HEALTH, "sys/leader": LEADER, "sys/seal-status": SEAL_STATUS}


def switch_loopback_on() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh14x", b"lo", IS_UP))


async def answer(request: web.Request) -> web.Response:
    found = ANSWERS.get(request.path.removeprefix("/v1/"))
    return web.Response(status=200 if found else 404, text=found or '{"errors":[]}', content_type="application/json")


def get(url: str) -> str:
    request = urllib.request.Request(url, headers={"X-Prometheus-Scrape-Timeout-Seconds": "10"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=PATIENCE) as response:  # noqa: S310 - this machine's
        return str(response.read().decode())


async def main(directory: Path, scheme: str, silent: int) -> None:
    switch_loopback_on()
    threads = ThreadPoolExecutor(2 * silent + 4)
    work = partial(asyncio.get_running_loop().run_in_executor, threads)
    nowhere = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    nowhere.bind(("127.0.0.1", 53))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(directory / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port, listen = free_port(), f"127.0.0.1:{free_port()}"
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    targets = [{"name": "good", "address": f"https://127.0.0.1:{port}", "tls": {"ca_cert": str(directory / "ca.pem")}}]
    targets += [{"name": f"n{one}", "address": f"{scheme}://n{one}.silent.example:8200"} for one in range(silent)]
    config = directory / "exporter.yml"
    config.write_text(json.dumps({"listen": listen, "targets": targets}))
    with (directory / "exporter.log").open("wb") as log:
        exporter = await asyncio.create_subprocess_exec(
            program("vault-exporter"), "serve", "--config", config, stdout=log, stderr=log
        )
    try:
        async with asyncio.timeout(PATIENCE):
            while not await work(ready, listen):
                pass  # each try takes a while
        hanging = [work(probe, listen, f"n{one}") for one in range(silent)]
        first = [await work(probe, listen, "good") for _ in range(2)]
        down = await asyncio.gather(*hanging)  # the certificate collectors wait for their names, too
        seconds = time.monotonic()
        page = await work(probe, listen, "good")
        seconds = time.monotonic() - seconds
        again = [work(probe, listen, f"n{one}") for one in range(silent)]
        await asyncio.sleep(0)
        stopping = time.monotonic()
        exporter.send_signal(signal.SIGTERM)
        status = await exporter.wait()
        stopped = time.monotonic() - stopping
        await asyncio.gather(*again)
    finally:
        if exporter.returncode is None:
            exporter.kill()
            await exporter.wait()
        await runner.cleanup()
    print(  # noqa: T201 - what the test reads
        json.dumps({"pages": [*first, page], "down": down, "seconds": seconds, "status": status, "stopped": stopped})
    )


def ready(listen: str) -> bool:
    try:
        get(f"http://{listen}/-/ready")
    except OSError:
        return False
    return True


def probe(listen: str, name: str) -> str:
    try:
        return get(f"http://{listen}/probe?target={name}")
    except OSError as error:  # the exporter was told to stop
        return str(error)


asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
