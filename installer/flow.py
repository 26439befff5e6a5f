"""The installer's two commands, from arguments to exit code."""

import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from environment import Environment
from onlyone import only_one
from trouble import GIGABYTES_NEEDED, DamagedError, TroubleError, disk_full, from_os_error

PLUGIN = Path(__file__).resolve().parents[1]
OLDEST = (3, 10)

USAGE = """\
python installer demo    install into .venv, then edit two short clips that come along
python installer test    install into .venv, then run every test

Arguments after the command go to `dva demo` or to pytest."""

EXTRAS = {"demo": frozenset({"metrics"}), "test": frozenset({"metrics", "synth", "test", "text"})}
MODULE = {"demo": ("-m", "dva", "demo"), "test": ("-m", "pytest")}


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code; every foreseen trouble ends in one sentence."""
    if not arguments or arguments[0] not in EXTRAS:
        print(USAGE)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    signal.signal(signal.SIGTERM, _interrupt)  # so that pip is stopped too, not left to fight the next run
    command, *rest = arguments
    environment = Environment(PLUGIN)
    try:
        prepare(environment, EXTRAS[command])
        return run(environment, [*MODULE[command], *rest])
    except TroubleError as trouble:
        return _fail(str(trouble), 1)
    except OSError as error:
        return _fail(str(from_os_error(error, PLUGIN)), 1)
    except KeyboardInterrupt:
        return _fail("stopped; run the same command again to go on", 130)


def prepare(environment: Environment, extras: frozenset[str]) -> None:
    """Bring the environment to where the extras are installed, from whatever state it is in.

    Raises TroubleError when that cannot be done.
    """
    version = environment.version()
    if version is not None and extras <= environment.stamped_extras(version):
        return
    with only_one(environment.plugin / ".venv.lock"):
        # another installer may have finished while we looked
        version = environment.version()
        stamped = environment.stamped_extras(version) if version is not None else frozenset[str]()
        if extras <= stamped:
            return
        environment.remove_stamp()
        is_fresh = version is None or _as_tuple(version) < OLDEST
        _check_space(environment)
        if is_fresh:
            version = _create(environment)
        assert version is not None
        wanted = extras | stamped
        try:
            _install(environment, wanted, version)
        except DamagedError as trouble:
            if is_fresh:
                raise
            print(f"{trouble}\nMaking the environment anew.")
            version = _create(environment)
            _install(environment, wanted, version)
        environment.write_stamp(wanted, version)


def run(environment: Environment, arguments: Sequence[str]) -> int:
    """Run the environment's Python in the plugin's folder and return its exit code.

    Ctrl-C reaches that process too, which then clears up after itself: it is waited for. A polite kill is passed on.
    """
    child = subprocess.Popen([str(environment.python), *arguments], cwd=environment.plugin)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda _signal, _frame: child.terminate())
    code = child.wait()
    return 128 - code if code < 0 else code


def _create(environment: Environment) -> str:
    state = "Replacing an unusable" if environment.folder.exists() else "Making"
    print(f"{state} {environment.folder} with Python {sys.version_info[0]}.{sys.version_info[1]}", flush=True)
    environment.create()
    version = environment.version()
    if version is None:
        raise TroubleError(f"{environment.python} was made but does not start; run `{sys.executable} -m venv` by hand")
    return version


def _install(environment: Environment, extras: frozenset[str], version: str) -> None:
    print("Installing torch and the other packages; the first time takes minutes", flush=True)
    environment.install(extras, version)
    print("Installed", flush=True)


def _check_space(environment: Environment) -> None:
    """Refuse early what would end in a full disk: only Linux's torch brings CUDA with it, and only the first time."""
    has_torch = any(environment.folder.glob("**/site-packages/torch-*.dist-info"))
    free = shutil.disk_usage(environment.plugin).free
    if sys.platform == "linux" and not has_torch and free < GIGABYTES_NEEDED * 1e9:
        raise disk_full(environment.plugin)


def _as_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


def _fail(sentence: str, code: int) -> int:
    sys.stdout.flush()
    print(f"\n{sentence}", file=sys.stderr)
    return code
