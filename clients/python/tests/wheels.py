"""Builds what is published of the client, checks it, and tests it where users install it: wheels.py [VERSION ...]

- the sdist: complete, the same bytes when built from another checkout, and enough to build the wheel from
- the wheel: the same bytes when built in another folder, portable (auditwheel), within the stable ABI (abi3audit), and
  well formed (twine, check-wheel-contents)
- with each Python VERSION that CI has wheels for and that is found here, in a fresh environment without a compiler: the
  tests that are in the sdist, and the conformance suite's smoke test
- the same with a wheel for one version of Python alone, such as free-threaded ones get

Not covered, because no containers are needed here: musl, other processors, and systems older than this one. CI builds and
tests for these, with cibuildwheel.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent
ROOT = PACKAGE.parent.parent
MACHINES = ("x86_64", "aarch64")
LIBCS = ("manylinux", "musllinux")
TEST_TOOLS = ("hypothesis>=6.100", "pytest>=9.0")
COMPILER = re.compile(r"(.+-)?(cc|c\d\d|c\+\+|gcc|g\+\+|clang|clang\+\+|tcc)(-[\d.]+)?")
TIMEOUT_S = 900


class Failed(Exception):
    """A check that didn't pass. The text says which, and why."""


def run(*command: str | Path, path: str | None = None) -> str:
    """What the command says; `path` is its PATH, if not ours, and has no compiler. Raises Failed."""
    environment = dict(os.environ)
    if path is not None:
        environment["PATH"] = path
        environment.pop("CC", None)
    try:
        result = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{error}\n{getattr(error, 'output', '')}") from None
    if result.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}")
    return result.stdout


def run_module(*arguments: str | Path) -> str:
    return run(sys.executable, "-m", *arguments)


def require(condition: bool, text: str) -> None:
    if not condition:
        raise Failed(text)


def only(folder: Path, pattern: str) -> Path:
    found = list(folder.glob(pattern))
    require(len(found) == 1, f"{folder}: one {pattern} expected, found {[path.name for path in found]}")
    return found[0]


def size(path: Path) -> str:
    return f"{path.stat().st_size / 1024:.0f} KiB"


class Wheels:
    """Everything that is built, in one folder; each method is a step that says in a line what it proved."""

    def __init__(self, build: Path) -> None:
        self.build = build
        self.sdist = self.source = self.wheel = Path()

    def make_sdist(self) -> str:
        expected = sources()
        checkout = self.build / "checkout"  # with other times and modes
        for path in expected.values():
            copy = checkout / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
        again = checkout / PACKAGE.relative_to(ROOT)
        for package, folder in ((PACKAGE, "dist"), (again, "dist-again")):
            run_module("build", "--no-isolation", "--sdist", "--outdir", self.build / folder, package)
        self.sdist = only(self.build / "dist", "*.tar.gz")
        require(
            self.sdist.read_bytes() == only(self.build / "dist-again", "*.tar.gz").read_bytes(),
            f"{self.sdist.name}: other bytes when built from another checkout",
        )

        unpacked = self.build / "source"
        with tarfile.open(self.sdist) as archive:
            links = [member.name for member in archive if not member.isfile()]
            require(not links, f"{self.sdist.name}: no regular files: {links}")
        unpacked.mkdir()
        run("tar", "-xzf", self.sdist, "-C", unpacked)
        self.source = only(unpacked, "*")
        wrong = [
            name
            for name, path in expected.items()
            if not (self.source / name).is_file() or (self.source / name).read_bytes() != path.read_bytes()
        ]
        require(not wrong, f"{self.sdist.name}: missing or different: {wrong}")
        return f"{self.sdist.name}, {size(self.sdist)}, {len(expected)} files as here"

    def make_wheel(self) -> str:
        unrepaired = self.build / "unrepaired"
        elsewhere = self.build / "elsewhere" / self.source.name
        shutil.copytree(self.source, elsewhere)
        for source, folder in ((self.source, unrepaired), (elsewhere, self.build / "unrepaired-again")):
            run_module("build", "--no-isolation", "--wheel", "--outdir", folder, source)
        wheel = only(unrepaired, "*.whl")
        again = only(self.build / "unrepaired-again", "*.whl")
        require(wheel.read_bytes() == again.read_bytes(), f"{wheel.name}: other bytes when built elsewhere")
        require("-cp311-abi3-" in wheel.name, f"{wheel.name}: not for the stable ABI of 3.11")

        run_module("auditwheel", "repair", "--wheel-dir", self.build / "dist", wheel)
        self.wheel = only(self.build / "dist", "*.whl")
        require("-manylinux_" in self.wheel.name, f"{self.wheel.name}: no policy fits")
        return f"{self.wheel.name}, {size(self.wheel)}"

    def audit(self) -> str:
        run_module("twine", "check", "--strict", self.sdist, self.wheel)
        run("check-wheel-contents", self.wheel)
        # It succeeds as well where it finds nothing to look at.
        said = run_module("abi3audit", "--strict", "--verbose", self.wheel)
        found = " ".join(said.split())
        require("1 extensions scanned; 0 ABI version mismatches and 0 ABI violations" in found, said)
        needed = re.findall(r"'GLIBC_([\d.]+)'", run_module("auditwheel", "show", self.wheel))
        require(bool(needed), f"{self.wheel.name}: asks for no glibc at all")
        newest = max(needed, key=lambda version: tuple(map(int, version.split("."))))
        return f"stable ABI, twine and check-wheel-contents content, glibc from {newest} on"

    def make_pure_wheels(self) -> str:
        parts = (ROOT / "spec", ROOT / "conformance")
        run_module("pip", "wheel", "--no-deps", "--no-build-isolation", "-w", self.build / "beside", *parts)
        return ", ".join(sorted(path.name for path in (self.build / "beside").iterdir()))

    def programs(self) -> Path:
        """A folder with all programs of PATH except compilers."""
        folder = self.build / "programs"
        if not folder.exists():
            folder.mkdir()
            for place in os.get_exec_path():
                for program in Path(place).glob("*"):
                    link = folder / program.name
                    if not COMPILER.fullmatch(program.name) and not link.is_symlink():
                        link.symlink_to(program)
        return folder

    def test(self, version: str, interpreter: str, own_abi: bool) -> str:
        """Install in a fresh environment and test there. `own_abi`: a wheel for this version alone."""
        name = f"{version}{'-own-abi' if own_abi else ''}"
        environment = self.build / f"env-{name}"
        run_module("virtualenv", "--quiet", "--python", interpreter, environment)
        bin_folder = environment / "bin"
        python = bin_folder / "python"
        wheel = self.wheel
        if own_abi:
            wheels = self.build / f"wheel-{name}"
            run(python, "-m", "pip", "wheel", "--no-deps", "-Cwheel.py-api=", "-w", wheels, self.source)
            wheel = only(wheels, "*.whl")
            abi = f"cp{version.replace('.', '')}"
            require(f"-{abi.rstrip('t')}-{abi}-" in wheel.name, f"{wheel.name}: not for {version} alone")
        path = f"{bin_folder}{os.pathsep}{self.programs()}"
        require(shutil.which("cc", path=path) is None, f"a compiler on {path}")
        beside = sorted((self.build / "beside").iterdir())
        pip = (python, "-m", "pip", "install", "--quiet", "--only-binary=:all:")
        run(*pip, wheel, *beside, *TEST_TOOLS, path=path)

        pytest = (python, "-m", "pytest", "-q", "-c", ROOT / "pyproject.toml", "-p", "no:cacheprovider")
        results = []
        for number, (folder, tests) in enumerate(
            ((self.source / "tests", "."), (ROOT / "conformance/tests", "test_installed_client.py"))
        ):
            place = ("--rootdir", folder, "--basetemp", environment / f"tmp-{number}")
            said = run(*pytest, *place, folder / tests, path=path).splitlines()
            reasons = {line.split(": ", 1)[-1] for line in said if line.startswith("SKIPPED")}
            results += [said[-1].strip("= "), *(f"skipped: {reason}" for reason in sorted(reasons))]
        return "; ".join(results)


def sources() -> dict[str, Path]:
    """What an sdist has to have: the place there, the file here."""
    places = {
        "": PACKAGE,
        "c-core/src/": ROOT / "clients/c/src",
        "c-core/include/": ROOT / "clients/c/include",
    }
    found = {
        f"{place}{path.relative_to(folder)}": path
        for place, folder in places.items()
        for path in folder.rglob("*")
        if path.is_file() and not is_left_over(path.relative_to(folder))
    }
    require(
        {"LICENSE", "tests/conftest.py", "c-core/src/reader.c"} <= found.keys(),
        "looked for in the wrong place",
    )
    return found


def is_left_over(path: Path) -> bool:
    return any(part.startswith(".") or part in ("__pycache__", "build", "dist") for part in path.parts)


def matrix() -> dict[str, list[str]]:
    """The versions of Python that CI builds and tests wheels for, on each system."""
    versions: dict[str, list[str]] = {}
    for machine in MACHINES:
        said = run_module(
            "cibuildwheel", "--platform", "linux", "--archs", machine, "--print-build-identifiers", PACKAGE
        )
        for minor, free, libc in re.findall(rf"^cp3(\d+)(t?)-(\w+)_{machine}$", said, re.MULTILINE):
            versions.setdefault(f"{libc} {machine}", []).append(f"3.{minor}{free}")
    wanted = {f"{libc} {machine}" for libc in LIBCS for machine in MACHINES}
    require(versions.keys() == wanted, f"wheels for {sorted(versions)}, not for {sorted(wanted)}")
    for system, each in versions.items():
        require({"3.11", "3.12", "3.13"} <= set(each), f"{system}: only {each}")
        require(any(version.endswith("t") for version in each), f"{system}: no free-threaded Python")
    return versions


def find_interpreter(version: str) -> str | None:
    """The interpreter of `version` on PATH or among pyenv's, if it runs."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for candidate in (shutil.which(name), *sorted(pyenv.glob(f"versions/*/bin/{name}"))):
        if candidate is not None:
            try:
                return run(candidate, "-c", "import sys; print(sys.executable)").strip()
            except Failed:
                continue  # a shim of pyenv whose version isn't chosen
    return None


def step(name: str, action: Callable[[], str]) -> str:
    start_s = time.monotonic()
    said = action()
    print(f"{name:16}{time.monotonic() - start_s:6.1f} s  {said}", flush=True)
    return said


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, default=Path("build/wheels"), help="folder to build in")
    parser.add_argument("versions", nargs="*", metavar="VERSION", help="such as 3.12; by default all of CI's")
    arguments = parser.parse_args()
    build: Path = arguments.build.resolve()
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    wheels = Wheels(build)
    try:
        systems = matrix()
        for system, each in systems.items():
            print(f"CI: {system:18}{' '.join(each)}")
        step("sdist", wheels.make_sdist)
        step("wheel", wheels.make_wheel)
        step("audit", wheels.audit)
        step("other parts", wheels.make_pure_wheels)
        wanted = arguments.versions or sorted({version for each in systems.values() for version in each})
        found = {version: find_interpreter(version) for version in wanted}
        this = f"{sys.version_info.major}.{sys.version_info.minor}"
        for version, interpreter in found.items():
            if interpreter is not None:
                step(version, partial(wheels.test, version, interpreter, own_abi=version.endswith("t")))
        step(f"{this}, own ABI", partial(wheels.test, this, sys.executable, own_abi=True))
    except Failed as failed:
        print(f"FAILED: {failed}")
        return 1
    present = [version for version, interpreter in found.items() if interpreter is not None]
    missing = [version for version, interpreter in found.items() if interpreter is None]
    print(f"proved with: {' '.join(present) or 'none'}")
    if missing:
        print(f"not proved, for want of such an interpreter: {' '.join(missing)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
