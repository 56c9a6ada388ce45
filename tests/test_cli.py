"""The command line: flags, exit codes, and what reaches the run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nnabla_nas import __version__, cli
from nnabla_nas.cli import build_parser, main
from nnabla_nas.errors import DivergedError

ROOT = Path(__file__).parents[1]
EXPERIMENT: dict[str, Any] = {
    "dataset": "digits",
    "epoch": 0,
    "network": {"search_space": "mobilenet", "settings": [[24, 1, 1]]},
    "algorithm": "Trainer",
    "seed": 4,
    "output_path": "from_file",
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Return the path of a good experiment."""
    path = tmp_path / "experiment.json"
    path.write_text(json.dumps(EXPERIMENT))
    return str(path)


class Launch:
    """Stands in for the run: remembers what it was given, and does as it is told."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.action: Callable[[], int] = lambda: 0

    def __call__(self, experiment: Any, notices: list[str], **options: Any) -> int:
        self.calls.append((experiment, notices, options))
        return self.action()


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch) -> Launch:
    """Put a stand-in in the place of the run."""
    stand_in = Launch()
    monkeypatch.setitem(
        sys.modules,
        "nnabla_nas.runner.launch",
        SimpleNamespace(launch=stand_in),  # type: ignore[arg-type]
    )
    return stand_in


def run(*command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, **options
    )


def raising(error: BaseException) -> Callable[[], int]:
    def action() -> int:
        raise error

    return action


def test_flags_that_are_not_given_leave_no_trace() -> None:
    assert vars(build_parser().parse_args([])) == {}


@pytest.mark.parametrize(
    ("argv", "values"),
    [
        (["-d", "-1"], {"device_id": "-1"}),
        (["--device-id", "0,1"], {"device_id": "0,1"}),
        (["-s"], {"search": True}),
        (["--threads", "2"], {"threads": 2}),
        (["--no-search"], {"search": False}),
        (["-x", "a=1", "--set", "b=-x"], {"set": ["a=1", "b=-x"]}),
        (["--seed", "3", "-a", "A", "-o", "O"], {"seed": 3, "algorithm": "A", "output_path": "O"}),
        (
            ["-c", "cpu", "-t", "float", "-f", "x"],
            {"context": "cpu", "type_config": "float", "config_file": "x"},
        ),
        (["--dry-run", "--no-visualize"], {"dry_run": True, "no_visualize": True}),
    ],
)
def test_flags(argv: list[str], values: dict[str, Any]) -> None:
    assert vars(build_parser().parse_args(argv)) == values


def test_run_gets_the_completed_experiment(file: str, launch: Launch) -> None:
    launch.action = lambda: 3
    assert main(["-f", file, "--seed", "5", "-d", "0", "-x", "cutout=2"]) == 3
    ((experiment, notices, options),) = launch.calls
    assert (experiment.seed, experiment.device_id, experiment.cutout) == (5, "0", 2)
    assert experiment.output_path == "from_file"
    assert experiment.network.arguments["in_channels"] == 1
    assert notices == []
    assert options == {"dry_run": False, "resume": False, "visualize": True, "save_nnp": False}


def test_run_gets_its_switches(file: str, launch: Launch) -> None:
    assert main(["-f", file, "--dry-run", "--no-visualize", "--save-nnp", "-o", "elsewhere"]) == 0
    ((experiment, _, options),) = launch.calls
    assert experiment.output_path == "elsewhere"
    assert options == {"dry_run": True, "resume": False, "visualize": False, "save_nnp": True}


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (DivergedError("loss is nan\nat step 3"), 1, "error: loss is nan\nerror: at step 3\n"),
        (RuntimeError("a\nb"), 1, "error: RuntimeError: a b\n"),
        (KeyboardInterrupt(), 130, "error: interrupted before the run began\n"),
        (
            ModuleNotFoundError("No module named 'h5py'", name="h5py"),
            2,
            "error: the package 'h5py' is missing; `./run.sh python x.py ...` brings it along\n",
        ),
        (
            ModuleNotFoundError("No module named 'nnabla_nas.x'", name="nnabla_nas.x"),
            1,
            "error: ModuleNotFoundError: No module named 'nnabla_nas.x'\n",
        ),
    ],
)
def test_errors_become_lines_and_exit_codes(
    file: str,
    launch: Launch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    launch.action = raising(error)
    assert main(["-f", file], prog="python x.py") == code
    assert capsys.readouterr().err == line


def test_traceback_only_when_asked_for(
    file: str,
    launch: Launch,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NNABLA_NAS_DEBUG", "1")
    launch.action = raising(RuntimeError("why"))
    assert main(["-f", file]) == 1
    written = capsys.readouterr().err
    assert written.startswith("Traceback")
    assert written.endswith("error: RuntimeError: why\n")


def test_faults_of_the_experiment_are_lines(
    file: str, launch: Launch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["-f", file, "-x", "epohc=2", "--seed", "-1"]) == 2
    seed, epoch = capsys.readouterr().err.splitlines()
    assert seed == "error: --seed: seed: got -1; allowed an integer >= 0"
    assert epoch.startswith("error: -x/--set: epohc: unknown key; allowed ")
    assert epoch.endswith("; did you mean 'epoch'?")
    assert main(["-f", file, "-x", "network.widht_mult=2"]) == 2
    assert "did you mean 'width_mult'?" in capsys.readouterr().err
    assert launch.calls == []


@pytest.mark.parametrize(
    ("argv", "lines"),
    [
        ([], ["-f/--config-file is missing: name the experiment's JSON file"]),
        (["--serach", "-f", "x"], ["unknown argument '--serach'; did you mean '--search'?"]),
        (
            ["--outputpath=x", "-f", "x"],
            ["unknown argument '--outputpath=x'; did you mean '--output-path'?"],
        ),
        (["dmeo", "-f", "x"], ["unknown argument 'dmeo'; did you mean 'demo'?"]),
        (["--dry"], ["unknown argument '--dry'", "-f/--config-file is missing"]),
        (["--seed", "x"], ["argument --seed: invalid int value: 'x'"]),
        (["-f"], ["argument -f/--config-file: expected one argument"]),
    ],
)
def test_wrong_command_line(
    capsys: pytest.CaptureFixture[str], argv: list[str], lines: list[str]
) -> None:
    assert main(argv) == 2
    written = capsys.readouterr().err.splitlines()
    assert len(written) == len(lines)
    for got, expected in zip(written, lines, strict=True):
        assert got.startswith(f"error: {expected}")


def test_tools_are_sub_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    def tool_main(argv: list[str]) -> int:
        given.append(argv)
        return 7

    monkeypatch.setitem(sys.modules, "toy_tool", SimpleNamespace(main=tool_main))  # type: ignore[arg-type]
    monkeypatch.setitem(cli.TOOLS, "demo", "toy_tool")
    assert main(["demo", "--help", "x"]) == 7
    assert given == [["--help", "x"]]


@pytest.mark.parametrize("program", [["main.py"], ["-m", "nnabla_nas"]])
def test_help_and_version_import_nothing_heavy(program: list[str]) -> None:
    finished = run("-X", "importtime", *program, "--help")
    assert finished.returncode == 0
    assert finished.stdout.startswith(f"usage: python {' '.join(program)} ")
    for flag in ("-f PATH", "--no-search", "--dry-run", "-x KEY=VALUE", "  demo "):
        assert flag in finished.stdout
    imported = {line.rpartition("|")[2].strip() for line in finished.stderr.splitlines()}
    assert not imported & {"nnabla", "numpy", "pydantic", "tqdm"}
    finished = run(*program, "--version")
    assert (finished.returncode, finished.stdout) == (0, f"nnabla_nas {__version__}\n")


def test_reader_that_leaves_early_is_no_error() -> None:
    shell = f"'{sys.executable}' main.py --help | true; echo ${{PIPESTATUS[0]}}"
    finished = subprocess.run(
        ["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (finished.stdout, finished.stderr) == ("0\n", "")
