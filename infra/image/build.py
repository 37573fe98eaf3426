"""Execute a Dockerfile's steps without Docker: each stage is a folder, each RUN a chroot.

debootstrap makes the base image from the same distribution. Needs root, on Linux.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.image.dockerfile import Dockerfile, DockerfileError, Instruction, Stage, expand
from infra.image.sources import debian_mirror, package_index

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOST_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"


@dataclass
class Image:
    """An executed stage."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": SYSTEM_PATH})
    arguments: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        """A path of the image, on this machine."""
        return self.root / (Path(self.folder) / path).as_posix().lstrip("/")


class Builder:
    """Executes the stages of one target below `work`."""

    def __init__(
        self, dockerfile: Dockerfile, context: Path, work: Path, arguments: dict[str, str]
    ) -> None:
        self._dockerfile = dockerfile
        self._context = context
        self._work = work
        self._given = arguments
        self._images: dict[str, Image] = {}

    def build(self, target: str) -> Image:
        """Build the target's image. Raises `CalledProcessError` if a step fails."""
        for stage in self._dockerfile.needed(target):
            self._images[stage.name] = self._execute(stage)
        return self._images[target]

    def _execute(self, stage: Stage) -> Image:
        image = self._begin(stage)
        steps: dict[str, Callable[[Image, Instruction], None]] = {
            "ARG": self._arg,
            "ENV": self._env,
            "RUN": self._run,
            "COPY": self._copy,
            "WORKDIR": self._workdir,
        }
        for instruction in stage.instructions:
            say(f"{stage.name}: {instruction.name} {instruction.text[:100]}")
            if instruction.name in steps:
                steps[instruction.name](image, instruction)
            elif instruction.name == "USER":
                image.user = instruction.text
            elif instruction.name == "ENTRYPOINT":
                image.entrypoint = instruction.command
            elif instruction.name == "CMD":
                image.command = instruction.command
        return image

    def _begin(self, stage: Stage) -> Image:
        root = self._work / stage.name
        if root.exists():
            shutil.rmtree(root)
        base = self._images.get(stage.base)
        source = base.root if base else debian(stage.base, self._work)
        say(f"{stage.name}: FROM {stage.base}")
        subprocess.run(["cp", "-a", "--reflink=auto", str(source), str(root)], check=True)
        if base is None:
            return Image(root)
        return Image(
            root,
            dict(base.environment),
            {},
            base.folder,
            base.user,
            list(base.entrypoint),
            list(base.command),
        )

    def _arg(self, image: Image, instruction: Instruction) -> None:
        name, _, default = instruction.text.partition("=")
        image.arguments[name] = self._given.get(name, default)

    def _env(self, image: Image, instruction: Instruction) -> None:
        for word in instruction.words:
            name, _, value = word.partition("=")
            image.environment[name] = expand(value, image.environment)

    def _workdir(self, image: Image, instruction: Instruction) -> None:
        image.folder = instruction.text
        image.inside(".").mkdir(parents=True, exist_ok=True)

    def _run(self, image: Image, instruction: Instruction) -> None:
        values = image.environment | image.arguments
        text = f"cd {shlex.quote(image.folder)} && {expand(instruction.text, values)}"
        environment = values | _reaching_out(image.root)
        with _network(image.root):
            run_inside(image.root, ["/bin/sh", "-c", text], environment, image.user)

    def _copy(self, image: Image, instruction: Instruction) -> None:
        words = [word for word in instruction.words if not word.startswith("--")]
        (stage, *_) = [*_stages_named(instruction), ""]
        *sources, target = words
        origin = self._images[stage].root if stage else self._context
        place = image.inside(target)
        for source in sources:
            found = origin / source.lstrip("/")
            if not found.exists():
                raise DockerfileError(f"line {instruction.line}: there is no {source}")
            if found.is_dir():
                ignore = shutil.ignore_patterns("__pycache__") if not stage else None
                shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True, ignore=ignore)
            else:
                into = place / found.name if target.endswith("/") else place
                into.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(found, into)


def run_inside(root: Path, command: list[str], environment: dict[str, str], user: str) -> None:
    """One command in the folder as its root. Raises `CalledProcessError`."""
    subprocess.run([*entering(root, user), *command], env=environment, check=True)


def entering(root: Path, user: str) -> list[str]:
    """The command prefix that enters the folder as its root; the next word runs as PID 1."""
    setup = 'mount -t proc proc "$0/proc" && exec chroot --userspec="$1:$1" "$0" "${@:2}"'
    private = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    return [*private, "bash", "-c", setup, str(root), user]


def debian(name: str, work: Path) -> Path:
    """Make the base image `debian:SUITE-slim` once, and keep it."""
    image, _, tag = name.partition(":")
    if image != "debian":
        raise DockerfileError(f"Only images of Debian can be rehearsed, not {name}")
    suite = tag.removesuffix("-slim")
    root = work / f"debian-{suite}"
    if not root.exists():
        if shutil.which("debootstrap") is None:
            raise DockerfileError("Install debootstrap: apt-get install debootstrap")
        say(f"debootstrap {suite}")
        partial = work / f"debian-{suite}.part"
        shutil.rmtree(partial, ignore_errors=True)
        command = ["debootstrap", "--variant=minbase", suite, str(partial)]
        if (mirror := debian_mirror(suite)) is not None:
            command.append(mirror)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        _slim(partial)
        partial.rename(root)
    return root


def _slim(root: Path) -> None:
    """Configure dpkg and apt like Docker's Debian images: no documentation, no kept packages."""
    for name in ("doc", "man", "locale", "info"):
        shutil.rmtree(root / "usr/share" / name, ignore_errors=True)
    excluded = "".join(f"path-exclude /usr/share/{name}/*\n" for name in ("doc", "man", "locale"))
    (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(excluded, encoding="utf-8")
    kept = 'DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/*.bin"; };\n'
    (root / "etc/apt/apt.conf.d/clean").write_text(kept, encoding="utf-8")
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    (root / "var/cache/apt/archives/partial").mkdir(parents=True)


def say(text: str) -> None:
    """Print one line of progress with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)  # noqa: T201


def _stages_named(instruction: Instruction) -> list[str]:
    flags = [word for word in instruction.words if word.startswith("--from=")]
    return [flag.removeprefix("--from=") for flag in flags]


def _reaching_out(root: Path) -> dict[str, str]:
    given = package_index()
    if Path(HOST_CERTIFICATES).exists():
        shutil.copy(HOST_CERTIFICATES, root / "run/host-certificates.crt")
        for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE"):
            given[name] = "/run/host-certificates.crt"
    return given


class _network:  # noqa: N801 - reads as a statement
    """While a step runs, share the machine's name resolution; apt starts no service."""

    def __init__(self, root: Path) -> None:
        self._resolver = root / "etc/resolv.conf"
        self._policy = root / "usr/sbin/policy-rc.d"
        self._certificates = root / "run/host-certificates.crt"

    def __enter__(self) -> None:
        self._resolver.unlink(missing_ok=True)
        shutil.copy("/etc/resolv.conf", self._resolver)
        self._policy.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
        self._policy.chmod(0o755)

    def __exit__(self, *_: object) -> None:
        for path in (self._resolver, self._policy, self._certificates):
            path.unlink(missing_ok=True)
