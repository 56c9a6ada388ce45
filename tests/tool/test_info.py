"""`info`: what the machine offers, said whatever goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from nnabla.utils import nvml

from nnabla_nas.cli import main
from nnabla_nas.device import context


@pytest.fixture
def without_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make driver and extension those of a machine without a GPU."""

    def init() -> None:
        raise nvml.NVMLError(nvml.NVML_ERROR_DRIVER_NOT_LOADED)

    monkeypatch.setattr(nvml, "nvmlInit", init)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    for name in ("cudnn", "cuda"):
        monkeypatch.setitem(sys.modules, f"nnabla_ext.{name}", None)


def told(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return text by label; lines without a label under that of the line above."""
    assert main(["info"]) == 0
    said, label = {}, ""
    for line in capsys.readouterr().out.splitlines():
        label = line[:25].strip() or f"{label}+"
        said[label] = line[25:]
    return said


@pytest.mark.usefixtures("without_a_gpu")
def test_why_there_is_no_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    said = told(capsys)
    assert said["nnabla"] == "1.39.0"
    assert said["python"].startswith("3.10.")
    assert said["a run computes on"] == "CPU"
    assert said["a run computes on+"] == "no GPU found, running on the CPU"
    assert said["NVIDIA driver"] == "does not answer: Driver Not Loaded"
    assert said["GPUs"] == "none"
    assert said["CUDA_VISIBLE_DEVICES"] == "3"
    for name in ("context cudnn", "context cuda"):
        assert "extension is not installed; install it with ./run.sh" in said[name]


@pytest.mark.usefixtures("without_a_gpu")
def test_where_data_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NNABLA_NAS_DATA", str(tmp_path / "data"))
    said = told(capsys)
    assert said["$NNABLA_NAS_DATA"] == str(tmp_path / "data")
    assert said["data is looked for in"] == f"{tmp_path / 'data'} (is not there)"
    assert said["fashion_mnist also in"].startswith("/usr/share/datasets/fashion-mnist (is ")
    (tmp_path / "data").mkdir()
    assert told(capsys)["data is looked for in"] == f"{tmp_path / 'data'} (is there)"
    monkeypatch.delenv("NNABLA_NAS_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    said = told(capsys)
    assert said["$NNABLA_NAS_DATA"] == "not set"
    assert said["data is looked for in"] == f"{tmp_path / 'nnabla_nas'} (is not there)"


@pytest.mark.usefixtures("without_a_gpu")
def test_what_cannot_be_found_out_is_said_and_the_rest_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: str) -> None:
        raise OSError("first line\nsecond")

    monkeypatch.setattr(context, "choose_device", broken)
    monkeypatch.setattr("nnabla_nas.artifact.environment.describe_environment", broken)
    said = told(capsys)
    assert said["software"] == "cannot be found out: OSError: first line second"
    assert said["device"] == "cannot be found out: OSError: first line second"
    assert said["GPUs"] == "none"
    assert "data is looked for in" in said
