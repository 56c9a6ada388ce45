"""run.sh with a stand-in for uv, and the pinned requirements."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import tomli

ROOT = Path(__file__).resolve().parent.parent

# Makes an environment whose python prints what it is told to run, and logs what it was asked for.
UV = """#!/bin/sh
echo "$*" >>"$UV_LOG"
if [ "$1" = venv ]; then
    while [ $# -gt 1 ]; do shift; done
    mkdir -p "$1/bin"
    printf '#!/bin/sh\\necho "python $*"\\n' >"$1/bin/python"
    chmod +x "$1/bin/python"
fi
exit "${UV_STATUS:-0}"
"""


class Checkout:
    """A copy of what run.sh needs, in which no network is used."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "check out"
        self.log = folder / "uv.log"
        self.bin = folder / "bin"
        self.root.mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "run.sh", self.root)
        shutil.copy(ROOT / ".python-version", self.root)
        shutil.copytree(ROOT / "requirements", self.root / "requirements")
        self.put("uv", UV)

    def put(self, name: str, script: str) -> None:
        (self.bin / name).write_text(script)
        (self.bin / name).chmod(0o755)

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = {"PATH": f"{self.bin}:/usr/bin:/bin", "UV_LOG": str(self.log)}
        return subprocess.run(
            [self.root / "run.sh", *arguments],
            cwd=self.bin,
            env=variables | {"HOME": str(self.bin)} | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def syncs(self) -> list[str]:
        """Return the requirement files of each installation so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [re.sub(r".*/bin/python ", "", line) for line in lines if "sync" in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    made.put("nvidia-smi", "#!/bin/sh\necho 'No devices were found'; exit 6\n")
    return made


def test_a_command_runs_in_the_callers_folder_with_its_arguments_intact(checkout: Checkout) -> None:
    done = checkout.run("sh", "-c", 'pwd; echo "$1|$2|$PYTHONPATH"; exit 7', "sh", "a b", "")
    assert done.stdout == f"{checkout.bin}\na b||{checkout.root}\n"
    assert done.returncode == 7


def test_a_command_learns_how_run_sh_was_called_and_a_test_does_not(checkout: Checkout) -> None:
    show = ("sh", "-c", 'echo "${NNABLA_NAS_LAUNCHER-none}"')
    assert checkout.run(*show).stdout == f"{checkout.root}/run.sh\n"
    assert checkout.run("--extra", "view", *show).stdout == f"{checkout.root}/run.sh\n"
    without_slash = subprocess.run(
        ["sh", "run.sh", *show],
        cwd=checkout.root,
        env={"PATH": f"{checkout.bin}:/usr/bin:/bin", "UV_LOG": str(checkout.log)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert without_slash.stdout == "./run.sh\n"
    python = checkout.root / ".venv-test" / "bin" / "python"
    checkout.run("test")
    python.write_text('#!/bin/sh\necho "${NNABLA_NAS_LAUNCHER-none}"\n')
    assert checkout.run("test", NNABLA_NAS_LAUNCHER="./run.sh").stdout == "none\n"


def test_demo_and_test_are_names_for_longer_commands(checkout: Checkout) -> None:
    assert checkout.run("demo", "--x", "1").stdout == "python -m nnabla_nas demo --x 1\n"
    assert checkout.run("test").stdout == "python -m pytest -n auto\n"
    assert checkout.run("test", "tests/x y").stdout == "python -m pytest tests/x y\n"
    assert checkout.syncs() == ["requirements/run.txt", "requirements/test.txt"]


def test_an_environment_is_prepared_once_per_change_of_its_pins(checkout: Checkout) -> None:
    assert "preparing .venv" in checkout.run("python").stderr
    assert checkout.run("python").stderr == ""
    with (checkout.root / "requirements" / "run.txt").open("a") as pins:
        pins.write("# changed\n")
    checkout.run("python")
    checkout.run("python")
    assert checkout.syncs() == ["requirements/run.txt"] * 2


def test_an_extra_is_added_and_stays(checkout: Checkout) -> None:
    assert checkout.run("--extra", "view", "python", "-V").stdout == "python -V\n"
    checkout.run("python")
    assert checkout.syncs() == ["requirements/run.txt requirements/view.txt"]


def test_cuda_is_added_where_a_gpu_answers(checkout: Checkout) -> None:
    checkout.put("nvidia-smi", "#!/bin/sh\necho 'GPU 0: NVIDIA H100 (UUID: GPU-1)'\n")
    checkout.run("python")
    checkout.run("--extra", "view", "python")
    both = "requirements/run.txt requirements/cuda.txt"
    assert checkout.syncs() == [both, f"{both} requirements/view.txt"]


def test_a_failed_installation_is_tried_again(checkout: Checkout) -> None:
    failed = checkout.run("python", UV_STATUS="1")
    assert failed.returncode == 2
    assert failed.stdout == ""
    assert "cannot prepare .venv" in failed.stderr
    assert checkout.run("python").returncode == 0


def test_two_at_once_prepare_one_environment(checkout: Checkout) -> None:
    variables = {"PATH": f"{checkout.bin}:/usr/bin:/bin", "UV_LOG": str(checkout.log)}
    command = [checkout.root / "run.sh", "python"]
    both = [
        subprocess.Popen(
            command, env=variables, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=60)[0] for process in both] == ["python \n"] * 2
    assert checkout.syncs() == ["requirements/run.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "usage: "),
        (
            ("--extra", "vew", "python"),
            "unknown extra 'vew'; allowed: cuda, docs, onnx, slurm, view",
        ),
        (("--extra", "view"), "--extra needs a name and a command"),
        (("--frobnicate",), "unknown option '--frobnicate'"),
    ],
)
def test_wrong_usage_exits_2_and_installs_nothing(
    checkout: Checkout, arguments: tuple[str, ...], said: str
) -> None:
    done = checkout.run(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert checkout.syncs() == []


def test_help_is_not_an_error(checkout: Checkout) -> None:
    done = checkout.run("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ./run.sh demo")


def test_other_platforms_are_refused_in_one_line(checkout: Checkout) -> None:
    checkout.put("uname", "#!/bin/sh\necho Darwin arm64\n")
    done = checkout.run("demo")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Darwin arm64" in done.stderr


def pins(name: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, flags=re.MULTILINE))


@pytest.mark.parametrize("name", ["cuda", "docs", "onnx", "run", "test", "uv", "view"])
def test_pins_are_names_versions_and_hashes_only(name: str) -> None:
    for line in (ROOT / "requirements" / f"{name}.txt").read_text().splitlines():
        assert re.fullmatch(r"[a-z0-9-]+==\S+ \\|    --hash=sha256:[0-9a-f]{64}( \\)?", line)
    assert pins(name)


@pytest.mark.parametrize("name", ["cuda", "docs", "onnx", "test", "view"])
def test_every_environment_holds_the_same_versions(name: str) -> None:
    assert pins("run").items() <= pins(name).items()
    shared = pins("view").keys() & pins(name).keys()
    assert {key: pins("view")[key] for key in shared} == {key: pins(name)[key] for key in shared}


def test_what_is_pinned_is_what_is_declared() -> None:
    project = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {"run": project["dependencies"]} | project["optional-dependencies"]
    for name, requirements in declared.items():
        names = {re.match(r"[A-Za-z0-9-]+", line)[0].lower() for line in requirements}
        assert names - {"nas-for-nnabla"} <= pins(name).keys()
