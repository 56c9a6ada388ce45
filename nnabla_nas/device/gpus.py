"""The GPUs of this machine, as their driver lists them."""

from __future__ import annotations

from nnabla.utils import nvml


def list_gpus() -> list[str]:
    """Return the name of every NVIDIA GPU; empty where there is none or no driver answers.

    The driver is asked without importing the CUDA extension, which can only be imported once and
    reads the visible devices then.
    """
    try:
        nvml.nvmlInit()
        try:
            handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
            return [nvml.nvmlDeviceGetName(handle).decode(errors="replace") for handle in handles]
        finally:
            nvml.nvmlShutdown()
    except nvml.NVMLError:
        return []
