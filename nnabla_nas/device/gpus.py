"""The GPUs of this machine, as their driver lists them."""

from __future__ import annotations

from nnabla.utils import nvml


def ask_driver() -> tuple[list[str], str | None]:
    """Ask NVIDIA's driver which GPUs there are.

    The driver is asked without importing the CUDA extension, which can only be imported once and
    reads the visible devices then.

    Returns:
        The name of every GPU, and why the driver does not answer, None where it does.
    """
    try:
        nvml.nvmlInit()
        try:
            handles = map(nvml.nvmlDeviceGetHandleByIndex, range(nvml.nvmlDeviceGetCount()))
            names = [nvml.nvmlDeviceGetName(handle).decode(errors="replace") for handle in handles]
            return names, None
        finally:
            nvml.nvmlShutdown()
    except nvml.NVMLError as error:
        return [], " ".join(str(error).split())


def list_gpus() -> list[str]:
    """Return the name of every NVIDIA GPU; empty where there is none or no driver answers."""
    return ask_driver()[0]
