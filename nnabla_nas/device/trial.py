"""Find out whether a CUDA context really computes."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.ext_utils import get_extension_context

from nnabla_nas.device.cuda_libraries import preload_cuda_libraries
from nnabla_nas.device.quiet import silence

_INSTALL = "install it with ./run.sh --extra cuda COMMAND"


class UnusableError(Exception):
    """A CUDA context cannot be used; the message says what is missing and what to do about it."""


def try_context(name: str, type_config: str = "float") -> nn.Context:
    """Return a CUDA context that has passed a small checked convolution.

    Args:
        name: `cudnn` or `cuda`.
        type_config: the numeric type.

    Returns:
        The context, on the first visible device.

    Raises:
        UnusableError: if anything is missing or the convolution comes out wrong.
    """
    try:
        with silence():
            preload_cuda_libraries()
            context = get_extension_context(name, device_id="0", type_config=type_config)
            correct = _convolves(context)
    # Extensions and drivers raise whatever they like, and each of it means the same here.
    except Exception as error:
        raise UnusableError(_explain(error)) from error
    if not correct:
        raise UnusableError(
            "a test convolution gave wrong numbers; the GPU or its driver is faulty"
        )
    return context


def _convolves(context: nn.Context) -> bool:
    """Compare a 3x3 convolution and its weight gradient with numpy's.

    All numbers are small integers, hence exact in half precision too.
    """
    image = np.arange(36, dtype=np.float32).reshape(6, 6) % 7
    kernel = np.arange(9, dtype=np.float32).reshape(3, 3) - 4
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    with nn.context_scope(context):
        x, w = nn.Variable((1, 1, 6, 6)), nn.Variable((1, 1, 3, 3), need_grad=True)
        x.d, w.d = image, kernel
        w.grad.zero()
        y = F.convolution(x, w)
        y.forward()
        y.backward()
        return np.allclose(y.d[0, 0], (windows * kernel).sum((2, 3)), atol=1e-3) and np.allclose(
            w.g[0, 0], windows.sum((0, 1)), atol=1e-3
        )


def _explain(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, ModuleNotFoundError):
        return f"nnabla's CUDA extension is not installed; {_INSTALL}"
    if isinstance(error, ImportError) and "libcuda.so" in text:
        return "there is no NVIDIA driver (libcuda.so.1); install the driver"
    if isinstance(error, ImportError):
        return f"a CUDA library is missing ({text}); {_INSTALL}"
    if isinstance(error, ValueError):
        return f"the CUDA extension refuses this GPU ({text})"
    return (
        f"the driver offers no usable GPU ({type(error).__name__}: {text}); "
        "check nvidia-smi and CUDA_VISIBLE_DEVICES"
    )
