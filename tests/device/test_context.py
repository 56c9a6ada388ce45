"""Device choice with stand-ins for the driver and for nnabla's CUDA extension."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import nnabla as nn
import pytest
from nnabla.utils import nvml

from nnabla_nas.device.context import choose_device
from nnabla_nas.errors import DeviceError

WORKING = """
import nnabla_ext.cpu

def context(device_id, type_config):
    assert (device_id, type_config) == ("0", "float")
    return nnabla_ext.cpu.context()
"""


def failing(statement: str) -> str:
    return f"""
import nnabla.utils.nvml as nvml
print("GPU compatibility could not be verified")

def context(device_id, type_config):
    {statement}
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that puts stand-in extensions, given by their source, on the path."""

    def put(**sources: str) -> None:
        for name, source in sources.items():
            folder = tmp_path / "nnabla_ext" / name
            folder.mkdir(parents=True)
            (folder / "__init__.py").write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))

    for name in ("cudnn", "cuda"):
        monkeypatch.delitem(sys.modules, f"nnabla_ext.{name}", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "untouched")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    yield put
    for name in ("cudnn", "cuda"):
        sys.modules.pop(f"nnabla_ext.{name}", None)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that makes the driver list GPUs of these names."""

    def put(*names: str) -> None:
        def init() -> None:
            if not names:
                raise nvml.NVMLError(nvml.NVML_ERROR_DRIVER_NOT_LOADED)

        monkeypatch.setattr(nvml, "nvmlInit", init)
        monkeypatch.setattr(nvml, "nvmlShutdown", lambda: None)
        monkeypatch.setattr(nvml, "nvmlDeviceGetCount", lambda: len(names))
        monkeypatch.setattr(nvml, "nvmlDeviceGetHandleByIndex", lambda index: index)
        monkeypatch.setattr(nvml, "nvmlDeviceGetName", lambda handle: names[handle].encode())

    return put


def test_the_cpu_is_taken_without_asking_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nvml, "nvmlInit", lambda: pytest.fail("asked the driver"))
    device = choose_device("cpu", "0", "float")
    assert (device.name, device.description, device.notices) == ("cpu", "CPU", ())
    assert isinstance(device.context, nn.Context)
    assert device.context.backend == ["cpu:float"]


def test_auto_without_a_gpu_runs_on_the_cpu_and_imports_no_extension(
    gpus: Callable[..., None], install: Callable[..., None]
) -> None:
    gpus()
    install(cudnn="raise SystemError('imported')")
    device = choose_device("auto", "-1", "float")
    assert device.name == "cpu"
    assert device.notices == ("no GPU found, running on the CPU",)


def test_an_explicit_id_without_a_gpu_runs_on_the_cpu_with_one_notice(
    gpus: Callable[..., None], install: Callable[..., None]
) -> None:
    gpus()
    device = choose_device("auto", "0", "float")
    assert device.name == "cpu"
    assert device.notices == ("no GPU found, running on the CPU; device_id 0 has no effect",)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "untouched"


def test_auto_prefers_cudnn(gpus: Callable[..., None], install: Callable[..., None]) -> None:
    gpus("NVIDIA A", "NVIDIA B")
    install(cudnn=WORKING)
    device = choose_device("auto", "1", "float")
    assert (device.name, device.description) == ("cudnn", "NVIDIA B (cudnn)")
    assert device.notices == ()
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    assert os.environ["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"


def test_auto_takes_cuda_where_cudnn_does_not_work(
    gpus: Callable[..., None], install: Callable[..., None]
) -> None:
    gpus("NVIDIA A")
    install(cudnn="raise ImportError('libcudnn.so.8: cannot open')", cuda=WORKING)
    device = choose_device("auto", "-1", "float")
    assert (device.name, device.description) == ("cuda", "NVIDIA A (cuda)")
    (notice,) = device.notices
    assert "cudnn" in notice
    assert "libcudnn.so.8" in notice
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "untouched"


def test_auto_falls_back_to_the_cpu_where_neither_works(
    gpus: Callable[..., None], install: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    gpus("NVIDIA A")
    broken = failing("raise RuntimeError('no CUDA-capable device is detected')")
    install(cudnn=broken, cuda=broken)
    device = choose_device("auto", "0", "float")
    assert device.name == "cpu"
    (notice,) = device.notices
    assert "no CUDA-capable device" in notice
    assert capfd.readouterr() == ("", "")


def test_several_ids_are_all_visible_and_the_first_is_used(
    gpus: Callable[..., None], install: Callable[..., None]
) -> None:
    gpus("NVIDIA A", "NVIDIA B", "NVIDIA C")
    install(cudnn=WORKING)
    device = choose_device("cudnn", "2,0", "float")
    assert device.description == "NVIDIA C (cudnn)"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2,0"
    (notice,) = device.notices
    assert "2,0" in notice


def test_different_visible_gpus_are_not_told_apart(
    gpus: Callable[..., None], install: Callable[..., None]
) -> None:
    gpus("NVIDIA A", "NVIDIA B")
    install(cudnn=WORKING)
    assert choose_device("cudnn", "-1", "float").description == "GPU (cudnn)"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("raise ImportError('libcuda.so.1: cannot open shared object file')", "NVIDIA driver"),
        ("raise ImportError('libcudart.so.12: cannot open shared object file')", "libcudart.so.12"),
        (failing("raise IndexError('list index out of range')"), "nvidia-smi"),
        (failing("raise nvml.NVMLError(nvml.NVML_ERROR_NOT_FOUND)"), "NVMLError: Not Found"),
        (failing("raise RuntimeError('first line\\nsecond')"), "first line second"),
        (failing("raise ValueError('does not support your k80 GPU')"), "k80"),
        (failing("raise TypeError"), "TypeError"),
        (failing("return nvml"), "no usable GPU"),
    ],
)
@pytest.mark.parametrize("name", ["cudnn", "cuda"])
def test_an_explicit_context_that_fails_is_one_line(
    name: str,
    source: str,
    said: str,
    gpus: Callable[..., None],
    install: Callable[..., None],
    capfd: pytest.CaptureFixture[str],
) -> None:
    gpus()
    install(**{name: source})
    with pytest.raises(DeviceError) as caught:
        choose_device(name, "-1", "float")
    (fault,) = caught.value.faults
    assert fault.startswith(f"context {name}: ")
    assert said in fault
    assert fault.endswith("or run with -c cpu")
    assert "\n" not in fault
    assert caught.value.exit_code == 2
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["cudnn", "cuda"])
def test_a_missing_extension_is_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, f"nnabla_ext.{name}", None)
    with pytest.raises(DeviceError, match=r"not installed; .*\./run\.sh --extra cuda .* -c cpu"):
        choose_device(name, "-1", "float")
    assert capfd.readouterr() == ("", "")


def test_a_gpu_that_miscalculates_is_refused(
    gpus: Callable[..., None], install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus("NVIDIA A")
    install(cudnn=WORKING)
    import nnabla.functions as F

    monkeypatch.setattr(F, "convolution", lambda x, w, real=F.convolution: real(x, w) * 1.01)
    with pytest.raises(DeviceError, match="wrong numbers"):
        choose_device("cudnn", "-1", "float")


@pytest.mark.parametrize("ids", ["", "x", "0,", "0,0", "-2", "1.0", "0;1", "99999", "-1,0", "²"])
@pytest.mark.parametrize("context", ["auto", "cudnn", "cpu"])
def test_malformed_ids_are_refused(context: str, ids: str) -> None:
    with pytest.raises(DeviceError, match=r"^device_id: got '.*'; allowed: -1, or"):
        choose_device(context, ids, "float")


@pytest.mark.parametrize("context", ["auto", "cudnn"])
def test_an_id_without_a_gpu_behind_it_is_refused(
    context: str, gpus: Callable[..., None], install: Callable[..., None]
) -> None:
    gpus("NVIDIA A")
    install(cudnn=WORKING)
    with pytest.raises(DeviceError, match=r"no GPU 1; allowed: 0 \(NVIDIA A\)"):
        choose_device(context, "0,1", "float")


def test_unknown_types_and_contexts_are_refused() -> None:
    with pytest.raises(DeviceError, match="got 'int'; allowed: float, half, mixed_half"):
        choose_device("cpu", "-1", "int")
    with pytest.raises(DeviceError, match="context: got 'gpu'; allowed: auto, cudnn, cuda, cpu"):
        choose_device("gpu", "-1", "float")


@pytest.mark.parametrize("type_config", ["half", "mixed_half"])
def test_a_gpu_is_tried_with_the_type_that_is_asked_for(
    type_config: str, gpus: Callable[..., None], install: Callable[..., None]
) -> None:
    gpus("NVIDIA A")
    install(cudnn=WORKING.replace('"float"', f'"{type_config}"'))
    assert choose_device("cudnn", "-1", type_config).name == "cudnn"


@pytest.mark.parametrize(
    ("context", "why"), [("cpu", ""), ("auto", r", and none that works was found \(see `info`\)")]
)
def test_half_precision_is_refused_on_the_cpu(
    context: str, why: str, gpus: Callable[..., None]
) -> None:
    gpus()
    words = f"got 'mixed_half', which needs a GPU{why}; allowed on the CPU: float .-t float.$"
    with pytest.raises(DeviceError, match=words):
        choose_device(context, "-1", "mixed_half")


def test_a_chosen_context_computes() -> None:
    with nn.context_scope(choose_device("cpu", "-1", "float").context):
        x = nn.Variable.from_numpy_array([1.0, 2.0])
        y = x * 2
        y.forward()
    assert y.d.tolist() == [2.0, 4.0]
