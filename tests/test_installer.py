"""The installer, with everything that touches the network or takes minutes replaced."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import environment as environment_module
import flow
import pytest
import trouble
from environment import Environment
from onlyone import only_one
from pipwatch import Phase, watch_pip

DEMO, TEST = flow.EXTRAS["demo"], flow.EXTRAS["test"]
PYPROJECT = '[project]\ndependencies = [\n    "torch",\n]\n\n[tool.ruff]\nline-length = 100\n'


@dataclass
class Rehearsal(Environment):
    """An environment whose Python and pip are played; stamps and folders are real."""

    root: Path
    python_version: str | None = None
    troubles: list[Exception] = field(default_factory=list)  # what the coming installations end with, first one first
    done: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        (self.root / "pyproject.toml").write_text(PYPROJECT)
        super().__init__(self.root)

    def version(self) -> str | None:
        return self.python_version

    def create(self) -> None:
        self.done.append("create")
        self.folder.mkdir(exist_ok=True)
        self.python_version = "3.11"

    def install(self, extras, version):
        self.done.append("install " + "+".join(sorted(extras)))
        if self.troubles:
            raise self.troubles.pop(0)


@pytest.fixture
def rehearsal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rehearsal:
    monkeypatch.setattr(trouble, "GIGABYTES_NEEDED", 0)
    monkeypatch.setattr(flow, "GIGABYTES_NEEDED", 0)
    return Rehearsal(tmp_path)


def test_a_fresh_clone_gets_an_environment_once(rehearsal: Rehearsal) -> None:
    flow.prepare(rehearsal, DEMO)
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics"]


def test_test_adds_to_what_the_demo_installed_and_the_demo_still_starts_at_once(rehearsal: Rehearsal) -> None:
    for extras in (DEMO, TEST, DEMO, TEST):
        flow.prepare(rehearsal, extras)
    assert rehearsal.done == ["create", "install metrics", "install metrics+synth+test+text"]


def test_other_dependencies_are_installed_into_the_same_environment(rehearsal: Rehearsal) -> None:
    flow.prepare(rehearsal, DEMO)
    (rehearsal.plugin / "pyproject.toml").write_text(PYPROJECT.replace('"torch"', '"torch>=2.4"'))
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics", "install metrics"]


def test_another_line_length_is_no_reason_to_install(rehearsal: Rehearsal) -> None:
    flow.prepare(rehearsal, DEMO)
    (rehearsal.plugin / "pyproject.toml").write_text(PYPROJECT.replace("100", "120"))
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics"]


def test_an_interrupted_installation_goes_on(rehearsal: Rehearsal) -> None:
    rehearsal.troubles = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        flow.prepare(rehearsal, DEMO)
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics", "install metrics"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no polite kill")
def test_an_interrupted_demo_has_time_to_clear_up(tmp_path: Path) -> None:
    """Ctrl-C reaches the installer and its child at once; the child takes a second over it."""
    child = tmp_path / "child.py"
    child.write_text(
        "import pathlib, signal, time\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a background shell switches it off
        f"here = pathlib.Path({str(tmp_path)!r})\n"
        "try:\n    (here / 'begun').touch(); time.sleep(60)\n"
        "except KeyboardInterrupt:\n    time.sleep(1); (here / 'cleared').touch(); raise SystemExit(130)\n"
    )
    parent = (
        "import sys, flow, environment, pathlib\n"
        f"there = environment.Environment(pathlib.Path({str(tmp_path)!r}))\n"
        "there.python = pathlib.Path(sys.executable)\n"
        f"sys.exit(flow.run(there, [{str(child)!r}]))\n"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], cwd=Path(flow.__file__).parent, start_new_session=True)
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 130
    assert (tmp_path / "cleared").exists()


def test_a_python_that_no_longer_starts_is_replaced(rehearsal: Rehearsal) -> None:
    flow.prepare(rehearsal, DEMO)
    rehearsal.python_version = None
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics"] * 2


def test_an_environment_of_an_old_python_is_replaced(rehearsal: Rehearsal) -> None:
    rehearsal.python_version = "3.9"
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics"]


def test_a_damaged_environment_is_made_anew_once(rehearsal: Rehearsal) -> None:
    rehearsal.python_version = "3.11"
    rehearsal.folder.mkdir()
    rehearsal.troubles = [trouble.DamagedError("torn")]
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["install metrics", "create", "install metrics"]


def test_a_new_environment_that_fails_is_not_made_again(rehearsal: Rehearsal) -> None:
    rehearsal.troubles = [trouble.DamagedError("pip stopped")]
    with pytest.raises(trouble.TroubleError, match="pip stopped"):
        flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics"]


def test_a_failed_installation_leaves_no_stamp(rehearsal: Rehearsal) -> None:
    flow.prepare(rehearsal, DEMO)
    rehearsal.troubles = [trouble.TroubleError("no network")]
    with pytest.raises(trouble.TroubleError):
        flow.prepare(rehearsal, TEST)
    assert rehearsal.stamped_extras("3.11") == frozenset()


def test_a_torn_stamp_counts_as_none(rehearsal: Rehearsal) -> None:
    flow.prepare(rehearsal, DEMO)
    for torn in ("", "[]", '{"digest": 1', "null"):
        rehearsal.stamp.write_text(torn)
        assert rehearsal.stamped_extras("3.11") == frozenset()


def test_too_little_space_is_said_before_anything_is_made(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "GIGABYTES_NEEDED", 1e6)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(trouble.TroubleError, match="the disk is full"):
        flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == []


def test_the_second_of_two_installers_steps_back(rehearsal: Rehearsal) -> None:
    with only_one(rehearsal.plugin / ".venv.lock"), pytest.raises(trouble.TroubleError, match="another installer"):
        flow.prepare(rehearsal, DEMO)
    flow.prepare(rehearsal, DEMO)
    assert rehearsal.done == ["create", "install metrics"]


@pytest.mark.parametrize(
    ("printed", "said"),
    [
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "the disk is full"),
        ("NewConnectionError: [Errno -3] Temporary failure in name resolution\nERROR: No matching ...", "cannot reach"),
        ("ERROR: Could not install packages due to an OSError: [Errno 13] Permission denied: 'x'", "may not write"),
        ("ERROR: No matching distribution found for torch>=2.4", "has no torch>=2.4 for this Python"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "arrived damaged"),
        ("error: subprocess-exited-with-error\nmore", "exit code 1: error: subprocess-exited-with-error"),
        ("", "it said nothing"),
    ],
)
def test_what_pip_prints_becomes_one_sentence(printed: str, said: str) -> None:
    sentence = str(trouble.from_pip(printed.splitlines(), 1, Path("here"), Path("log")))
    assert said in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "the disk is full"),
        (PermissionError(13, "Permission denied", "/x/.venv.lock"), "cannot write /x/.venv.lock"),
        (OSError(30, "Read-only file system"), "cannot write here"),
        (OSError(5, "Input/output error"), "refused to go on"),
    ],
)
def test_what_the_system_refuses_becomes_one_sentence(error: OSError, said: str) -> None:
    assert said in str(trouble.from_os_error(error, Path("here")))


@pytest.mark.parametrize(
    ("end", "code"), [(trouble.TroubleError("so"), 1), (OSError(28, "full"), 1), (KeyboardInterrupt(), 130)]
)
def test_every_trouble_ends_in_an_exit_code(
    end: BaseException, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise end

    monkeypatch.setattr(flow, "prepare", fail)
    monkeypatch.setattr(flow.signal, "signal", lambda *_: None)
    assert flow.main(["demo"]) == code
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_the_exit_code_of_the_command_is_passed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    place = Environment(tmp_path)
    place.python = Path(sys.executable)
    assert flow.run(place, ["-c", "raise SystemExit(4)"]) == 4


def test_a_python_without_ensurepip_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, rehearsal: Rehearsal
) -> None:
    answer = subprocess.CompletedProcess([], 1, "", "Error: Command ... '-m', 'ensurepip' ... returned 1")
    monkeypatch.setattr(environment_module.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(trouble.TroubleError, match="python3-venv"):
        Environment.create(rehearsal)


def test_big_steps_of_pip_are_told_apart_from_small_ones(tmp_path: Path) -> None:
    phase = Phase(tmp_path)
    shown: list[str] = []
    for line in (
        "Collecting torch>=2.4",
        "  Downloading torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl.metadata (31 kB)",
        "  Downloading torch-2.15.0-cp311-cp311-manylinux_2_28_x86_64.whl (539.1 MB)",
        "  Downloading appdirs-1.4.4-py2.py3-none-any.whl (9.6 kB)",
        "  Using cached triton-3.9.0-cp311-cp311-linux.whl (285.8 MB)",
        "Installing collected packages: appdirs, torch",
    ):
        phase.read(line)
        if phase.is_milestone:
            shown.append(phase.text)
    assert shown == [
        "downloading torch-2.15.0 (539.1 MB)",
        "already downloaded: triton-3.9.0 (285.8 MB)",
        "installing 2 packages",
    ]
    (tmp_path / "appdirs-1.4.4.dist-info").mkdir()
    assert phase.describe() == "installing packages, 1 of 2"


def test_pips_words_are_kept_in_the_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('one'); print('two'); raise SystemExit(3)"]
    assert watch_pip(command, tmp_path, tmp_path, tmp_path / "log") == (3, ["one", "two"])
    assert (tmp_path / "log").read_text() == "one\ntwo\n"


@pytest.mark.parametrize("release", ["2.7.18", "3.6.15", "3.8.18", "3.9.18"])
def test_an_old_python_is_told_so(project: Path, release: str) -> None:
    python = Path.home() / f".pyenv/versions/{release}/bin/python"
    if not python.exists():
        pytest.skip(f"no Python {release} here")
    ended = subprocess.run([python, project / "installer", "demo"], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "needs Python 3.10 or newer" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_the_door_of_the_installer_keeps_to_old_syntax(project: Path) -> None:
    # lib2to3 is gone, so the rule is checked by what would break it: f-strings, annotations, keyword-only syntax
    import ast

    allowed = (ast.Expr, ast.Import, ast.ImportFrom, ast.If)
    tree = ast.parse((project / "installer/__main__.py").read_text(encoding="utf-8"))
    assert all(isinstance(node, allowed) for node in tree.body)
    assert not any(isinstance(node, (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr)) for node in ast.walk(tree))


def test_without_a_command_it_says_what_there_is(project: Path) -> None:
    ended = subprocess.run([sys.executable, project / "installer"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "python installer demo" in ended.stdout
    assert "python installer test" in ended.stdout


def test_the_readme_names_the_same_two_commands(project: Path) -> None:
    readme = (project / "README.md").read_text(encoding="utf-8")
    for command in flow.EXTRAS:
        assert f"\npython installer {command}\n" in readme
