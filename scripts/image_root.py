"""Put together the file system of the container image: ``python scripts/image_root.py ENVIRONMENT ROOT``.

The image has no base: it holds the virtual environment and the files that it needs from the system that runs this
script, at the same paths. Those are Python with its standard library, the shared libraries, the certificates of public
authorities, and the time zones. There is no shell and no package manager. The Dockerfile calls it; the base of its
build stage may be the official Python image or a Debian with ``python3``.
"""

import compileall
import re
import shutil
import ssl
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

__all__ = ["UNUSED", "UNUSED_STDLIB", "assemble", "drop_sections"]

USER: Final = 9410
"""Fixed id of user and group, so that a volume with the audit log can be made readable to them."""
UNUSED: Final = (
    *("pip", "pip-*.dist-info", "setuptools", "setuptools-*.dist-info"),
    # Tests, sources of extension modules, and type information.
    *("**/tests", "**/*.c", "**/*.h", "**/*.hash", "**/*.pxd", "**/*.pxi", "**/*.pyi", "**/*.pyx"),
    # A traceback is highlighted as Python or not at all.
    *("pygments/lexers/[!_p]*.py", "pygments/lexers/p[!y]*.py", "pygments/lexers/_*_builtins.py"),
)
"""What the packages bring that a running exporter does not read."""
UNUSED_STDLIB: Final = (
    *("**/__pycache__", "**/test", "**/tests", "config-*", "dist-packages", "site-packages", "LICENSE.txt"),
    *(
        "curses",
        "dbm",
        "ensurepip",
        "idlelib",
        "lib2to3",
        "pydoc_data",
        "sqlite3",
        "tkinter",
        "turtle.py",
        "turtledemo",
    ),
    *("lib-dynload/_curses*", "lib-dynload/_dbm.*", "lib-dynload/_gdbm.*", "lib-dynload/readline.*"),
    *("lib-dynload/_sqlite3.*", "lib-dynload/_tkinter.*", "lib-dynload/*test*", "lib-dynload/*xx*"),
)
"""What the standard library has for development, for terminals, and for databases."""
_BIN: Final = ("python*", "vault-exporter")
"""The programs of the virtual environment that stay."""
_ALSO_LOADED: Final = "libgcc_s.so.1"
"""The C library loads it when a thread ends."""
_FILES: Final = {
    "etc/group": f"root:x:0:\nvault-exporter:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    "etc/passwd": (
        "root:x:0:0:root:/root:/sbin/nologin\n"
        f"vault-exporter:x:{USER}:{USER}:vault-exporter:/nonexistent:/sbin/nologin\n"
    ),
}


def assemble(environment: Path, root: Path) -> None:
    """Make the file system.

    Args:
        environment: the virtual environment with the exporter. Files that are not needed are removed from it.
        root: folder for the file system; it must not exist.
    """
    root.mkdir(parents=True)
    for name in ("bin", "lib", "lib64"):
        if Path("/", name).is_symlink():
            (root / name).symlink_to(Path("/", name).readlink())
    _clean(environment)
    _copy(environment, root)
    stdlib = Path(sysconfig.get_path("stdlib"))
    _copy(stdlib, root, without=UNUSED_STDLIB)
    interpreter = Path(sys.executable)
    _copy_program(interpreter, root)
    ours = (root / environment.relative_to("/"), root / stdlib.relative_to("/"))
    for name in sorted(_libraries(interpreter, *(path for folder in ours for path in folder.rglob("*.so*")))):
        _copy_file(Path(name), root)
    for folder in ours:
        for library in folder.rglob("*.so*"):
            drop_sections(library)
        _compile(folder, root)
    _copy_system_files(root)
    _name_packages(root)


def _clean(environment: Path) -> None:
    """Remove what no running exporter reads."""
    (packages,) = environment.glob("lib/python3*/site-packages")
    for pattern in UNUSED:
        for path in list(packages.glob(pattern)):
            _remove(path)
    programs = environment / "bin"
    for path in list(programs.iterdir()):
        if not any(path.match(pattern) for pattern in _BIN):
            path.unlink()
    shutil.rmtree(environment / "include", ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _copy(folder: Path, root: Path, without: tuple[str, ...] = ()) -> None:
    left_out = {path for pattern in without for path in folder.glob(pattern)}

    def ignored(directory: str, names: list[str]) -> list[str]:
        return [name for name in names if Path(directory, name) in left_out]

    shutil.copytree(folder, root / folder.relative_to("/"), symlinks=True, ignore=ignored, dirs_exist_ok=True)


def _copy_program(program: Path, root: Path) -> None:
    """Copy a program and the links that lead to it."""
    while program.is_symlink():
        place = _place(program, root)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(program.readlink())
        program = program.parent / program.readlink()
    _copy_file(program, root)


def _copy_file(file: Path, root: Path) -> None:
    """Copy a file, or what a link leads to, under its own name."""
    place = _place(file, root)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(file, place)


def _place(file: Path, root: Path) -> Path:
    """Return where a file goes: its folder without links, since `/lib` is one to `/usr/lib`."""
    return root / _folder(file.parent).relative_to("/") / file.name


@cache
def _folder(path: Path) -> Path:
    return path.resolve()


def _libraries(*files: Path) -> Iterator[str]:
    """Yield the paths of all shared libraries that the files need, and of the program that loads them."""
    command = ["ldd", *map(str, files)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - of the C library
    if missing := re.findall(r"(\S+) => not found", done.stdout):
        raise FileNotFoundError(f"no shared library {', '.join(sorted(set(missing)))}")
    found = set(re.findall(r"^\t(?:\S+ => )?(/\S+) \(", done.stdout, re.MULTILINE))
    yield from found
    libc = next(path for path in found if Path(path).name.startswith("libc.so."))
    yield str(Path(libc).with_name(_ALSO_LOADED))


def drop_sections(file: Path) -> None:
    """Cut off debugging information and symbols, which only debuggers read: all that lies behind the loaded segments.

    Unlike ``strip``, this moves nothing, so that it is safe for libraries that were changed after they were linked.
    Format: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html
    """
    content = bytearray(file.read_bytes())
    if content[:6] != b"\x7fELF\x02\x01" or file.is_symlink():  # 64 bits, little-endian
        return
    (headers,) = struct.unpack_from("<Q", content, 32)
    size, number = struct.unpack_from("<HH", content, 54)
    ends = [headers + size * number]
    for start in range(headers, headers + size * number, size):
        offset, length = struct.unpack_from("<Q16xQ", content, start + 8)
        ends.append(offset + length)
    struct.pack_into("<Q", content, 40, 0)  # where the section headers begin
    struct.pack_into("<HHH", content, 58, 0, 0, 0)  # their size, their number, and the one with their names
    file.write_bytes(content[: max(ends)])


def _compile(folder: Path, root: Path) -> None:
    """Compile to bytecode that is valid whatever the files' times, so that no start compiles anything."""
    mode = PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(folder, quiet=2, force=True, stripdir=root, prependdir="/", invalidation_mode=mode)


def _copy_system_files(root: Path) -> None:
    for name, text in _FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name in ("/etc/ld.so.cache", "/etc/ssl/certs/ca-certificates.crt", "/usr/lib/os-release"):
        _copy_file(Path(name), root)
    (root / "etc/os-release").symlink_to("../usr/lib/os-release")
    # Python looks authorities up by the hash of their names.
    place = ssl.get_default_verify_paths().openssl_capath
    authorities = _place(Path(place), root)
    authorities.parent.mkdir(parents=True, exist_ok=True)
    authorities.symlink_to("/etc/ssl/certs")
    for link in Path("/etc/ssl/certs").glob("*.[0-9]"):
        _copy_file(link, root)
    if (zones := Path("/usr/share/zoneinfo")).is_dir():
        _copy(zones, root, without=("posix", "right", "tzdata.zi", "leap*"))
    (root / "tmp").mkdir(mode=0o1777)
    (root / "tmp").chmod(0o1777)


def _name_packages(root: Path) -> None:
    """Describe the Debian packages that files were copied from, where scanners for known faults look for them."""
    files = {f"/{path.relative_to(root)}" for path in root.rglob("*") if path.is_file() or path.is_symlink()}
    for listing in Path("/var/lib/dpkg/info").glob("*.list"):
        paths = map(Path, listing.read_text().splitlines())
        if not any(f"{_folder(path.parent)}/{path.name}" in files for path in paths if not path.is_dir()):
            continue
        package = listing.stem
        done = subprocess.run(["dpkg-query", "--status", package], check=True, capture_output=True)  # noqa: S603, S607 - of Debian
        described = root / "var/lib/dpkg/status.d" / package.partition(":")[0]
        described.parent.mkdir(parents=True, exist_ok=True)
        described.write_bytes(done.stdout)


if __name__ == "__main__":
    assemble(Path(sys.argv[1]), Path(sys.argv[2]))
