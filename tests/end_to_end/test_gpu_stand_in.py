"""The whole way a GPU takes, with stand-ins for driver and extension that compute on the CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnabla_nas.cli import main
from nnabla_nas.module.parameter_file import parameter_shapes, read_parameters

ROOT = Path(__file__).resolve().parents[2]

# nnabla falls through to the CPU's functions where those of the first kind are not registered, so
# everything is built as for a GPU, and still computes.
EXTENSION = """
import nnabla as nn

def context(device_id, type_config):
    assert device_id == "0"
    types = ["float"] if type_config == "float" else [type_config, "float"]
    backends = [device + ":" + one for device in ("{name}", "cpu") for one in types]
    return nn.Context(backends, "CpuCachedArray", device_id)
"""

# Entered before nnabla is imported, in the place of the module that asks NVIDIA's driver.
DRIVER = """
import sys
from types import ModuleType

driver = ModuleType("nnabla.utils.nvml")
driver.NVMLError = type("NVMLError", (Exception,), {})
driver.nvmlInit = driver.nvmlShutdown = lambda: None
driver.nvmlDeviceGetCount = lambda: 1
driver.nvmlDeviceGetHandleByIndex = lambda index: index
driver.nvmlDeviceGetName = lambda handle: b"NVIDIA Stand-in"
sys.modules["nnabla.utils.nvml"] = driver
"""

REPORT = """
import sys
from nnabla_nas import function
from nnabla_nas.cli import main
from nnabla_nas.runner import launch

real, seen = launch.build_network, []
launch.build_network = lambda experiment: (seen.append(function.on_cpu()), real(experiment))[1]
code = main(sys.argv[1:])
assert seen == [False], seen
sys.exit(code)
"""


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """Return a folder with a driver that lists a GPU, and extensions named cudnn and cuda."""
    folder = tmp_path / "stand_ins"
    for name in ("cudnn", "cuda"):
        (folder / "nnabla_ext" / name).mkdir(parents=True)
        source = EXTENSION.format(name=name)
        (folder / "nnabla_ext" / name / "__init__.py").write_text(source)
    (folder / "sitecustomize.py").write_text(DRIVER)
    (folder / "report.py").write_text(REPORT)
    return folder


def run(stand_ins: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{stand_ins}{os.pathsep}{ROOT}"
    environment = {name: value for name, value in os.environ.items() if "CUDA" not in name}
    environment |= {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, *arguments],
        env=environment,
        cwd=stand_ins,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.fixture
def search_file(tmp_path: Path, search_json: dict[str, Any]) -> Path:
    """Return a short search; its arithmetic is too short for rounding to grow."""
    del search_json["context"]
    search_json |= {"epoch": 1, "warmup": 0}
    path = tmp_path / "search.json"
    path.write_text(json.dumps(search_json))
    return path


def test_a_search_on_a_gpu(tmp_path: Path, stand_ins: Path, search_file: Path) -> None:
    gpu, cpu = tmp_path / "gpu", tmp_path / "cpu"
    report = str(stand_ins / "report.py")
    done = run(stand_ins, report, "-f", str(search_file), "-o", str(gpu))
    assert done.returncode == 0, done.stderr
    assert "on NVIDIA Stand-in (cudnn), seed 0" in done.stdout
    config = json.loads((gpu / "config.json").read_text())
    assert config["environment"]["device"] == "NVIDIA Stand-in (cudnn)"
    assert json.loads((gpu / "result.json").read_text())["status"] == "finished"

    assert main(["-f", str(search_file), "-o", str(cpu), "-c", "cpu"]) == 0
    assert {path.name for path in gpu.iterdir()} == {path.name for path in cpu.iterdir()}
    shapes = parameter_shapes(cpu / "weights.h5")
    ours, theirs = (read_parameters(f / "weights.h5", shapes) for f in (cpu, gpu))
    for name in shapes:
        np.testing.assert_allclose(theirs[name], ours[name], rtol=0.02, atol=0.02, err_msg=name)


def test_a_training_in_half_precision(
    tmp_path: Path, stand_ins: Path, search_json: dict[str, Any]
) -> None:
    del search_json["context"]
    search_json |= {"algorithm": "Trainer", "epoch": 1, "train_portion": 1.0}
    search_json["network"]["settings"] = [[8, 1, 2]]
    file, output = tmp_path / "train.json", tmp_path / "half"
    file.write_text(json.dumps(search_json))
    report = str(stand_ins / "report.py")
    done = run(stand_ins, report, "-f", str(file), "-o", str(output), "-t", "half", "--save-nnp")
    assert done.returncode == 0, done.stderr
    result = json.loads((output / "result.json").read_text())
    assert result["status"] == "finished"
    assert json.loads((output / "config.json").read_text())["type_config"] == "half"
    assert (output / "network.nnp").exists()
    # The weights are float32, and a CPU without half precision evaluates them.
    done = run(stand_ins, "-m", "nnabla_nas", "evaluate", str(output), "-c", "cpu")
    assert done.returncode == 0, done.stderr


def test_a_context_that_is_asked_for_is_taken(stand_ins: Path, search_file: Path) -> None:
    report = str(stand_ins / "report.py")
    flags = ("-c", "cuda", "-d", "0", "--dry-run")
    done = run(stand_ins, report, "-f", str(search_file), *flags)
    assert done.returncode == 0, done.stderr
    assert "on NVIDIA Stand-in (cuda), seed 0" in done.stdout


def test_info_names_the_gpu_and_the_contexts_that_work(stand_ins: Path) -> None:
    done = run(stand_ins, "-m", "nnabla_nas", "info")
    assert (done.returncode, done.stderr) == (0, "")
    lines = {line[:25].strip(): line[25:] for line in done.stdout.splitlines()}
    assert lines["a run computes on"] == "NVIDIA Stand-in (cudnn)"
    assert lines["NVIDIA driver"] == "answers"
    assert lines["GPUs"] == "0: NVIDIA Stand-in"
    assert lines["context cudnn"] == lines["context cuda"] == "works"
