"""A web_config_file that takes long to read holds nobody up, and opens nothing."""

from pathlib import Path

from tests.lab.figures import Figure
from tests.lab.waiting import wait_until
from tests.web.hostile.running import DOWN, Delays, Running

USERS = "basic_auth_users:\n  a: $2b$04$" + "a" * 53 + "\n"
FILES = {
    "deep": "[" * 1_000_000,
    "deep block": "- " * 500_000,
    "many values": "- a\n" * 250_000,
    "many pairs": "[" + "a: b, " * 150_000 + "]",
    "many keys": "".join(f"k{number}: 1\n" for number in range(80_000)),
    "a long number": "a: 1" + ":10" * 300_000,
    "many directives": "".join(f"%TAG !a{number}! x\n" for number in range(50_000)),
    "aliases": "a: &a [x]\nb: [" + "*a, " * 200_000 + "]",
    "a long text": "a: " + "x " * 500_000,
}


def test_a_file_that_is_costly_to_read(tmp_path: Path, figure: Figure) -> None:
    with Running(tmp_path, DOWN, USERS) as running:
        for number, text in enumerate(FILES.values(), 1):
            with Delays(running) as delays:
                running.rewrite(text)

                def is_refused(count: int = number) -> bool:
                    assert running.get("/metrics")[0] == 401
                    return running.log().count("web_config_file became wrong") == count

                wait_until(is_refused, what="a refused file")
            assert not delays.failures
            figure("longest /-/healthy in s", delays.longest, 3)
        assert len(running.complaints()) == len(FILES)
