"""What can be said of the container image without building it; ``make image-test`` builds and runs it."""

import json
import re
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

import pytest

from scripts.image_root import UNUSED, UNUSED_STDLIB, drop_sections
from tests.lab.waiting import PATIENCE

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def test_the_build_gets_what_it_copies_and_nothing_else() -> None:
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    copied = {source for line in lines for source in line.split()}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == copied
    assert "*" in ignored
    assert [source for source in copied if not (ROOT / source).exists()] == []


def test_it_has_no_base_and_no_rights() -> None:
    _, _, final = DOCKERFILE.partition("\nFROM scratch\n")
    assert "\nUSER 9410:9410\n" in final
    assert "\nRUN " not in final


def test_no_module_that_a_command_imports_is_left_out() -> None:
    code = """
import json, sys
from vault_exporter.cli import load
from vault_exporter.cli.table import COMMANDS
for name in COMMANDS:
    if name != "demo":
        load([name])
print(json.dumps([file for module in sys.modules.values() if (file := getattr(module, "__file__", None))]))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=PATIENCE)
    imported = [Path(file) for file in json.loads(done.stdout)]
    packages, stdlib = Path(sysconfig.get_path("purelib")), Path(sysconfig.get_path("stdlib"))
    assert len(imported) > 500
    for folder, patterns in ((packages, UNUSED), (stdlib, UNUSED_STDLIB)):
        left_out = {path for pattern in patterns if pattern != "site-packages" for path in folder.glob(pattern)}
        assert len(left_out) > 10
        missing = [file for file in imported if file in left_out or not left_out.isdisjoint(file.parents)]
        assert missing == []


@pytest.mark.parametrize("name", ["msgspec._core", "multidict._multidict", "uvloop.loop", "yaml._yaml"])
def test_a_library_works_without_its_sections(tmp_path: Path, name: str) -> None:
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    original = Path(spec.origin)
    library = tmp_path / original.name
    library.write_bytes(original.read_bytes())
    drop_sections(library)
    assert library.stat().st_size < original.stat().st_size
    code = f"""
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location({name!r}, {str(library)!r})
import {name.partition(".")[0]}
sys.modules.pop({name!r}, None)
module = module_from_spec(spec)
print(module.__file__)
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (0, f"{library}\n"), done.stderr


def test_what_is_no_library_stays_as_it_is(tmp_path: Path) -> None:
    for name, content in (("a.so", b"\x7fELF\x01\x01" + bytes(80)), ("b.so", b"INPUT(libb.so.1)\n"), ("c.so", b"")):
        (tmp_path / name).write_bytes(content)
        drop_sections(tmp_path / name)
        assert (tmp_path / name).read_bytes() == content
