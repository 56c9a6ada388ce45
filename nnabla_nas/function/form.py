"""Which form of a function is built: the fastest equal one for the context, or nnabla's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import nnabla as nn

_plain: ContextVar[bool] = ContextVar("nnabla_nas_plain_functions", default=False)


@contextmanager
def plain() -> Iterator[None]:
    """Build with nnabla's own functions in the block, as export and counting need them."""
    token = _plain.set(True)
    try:
        yield
    finally:
        _plain.reset(token)


def is_plain() -> bool:
    """Return whether functions built now are those that other programs know."""
    return _plain.get()


def on_cpu() -> bool:
    """Return whether functions built now run on the CPU."""
    backends = nn.get_current_context().backend
    return not any(name.startswith(("cuda", "cudnn")) for name in backends)


def in_half() -> bool:
    """Return whether functions built now compute in half precision, mixed or not."""
    return str(nn.get_current_context().backend[0]).endswith("half")


@contextmanager
def in_float() -> Iterator[None]:
    """Compute in float32 in the block, on the same device, whatever type the run computes in."""
    context = nn.get_current_context()
    backends = [name for name in context.backend if name.endswith(":float")]
    with nn.context_scope(nn.Context(backends, context.array_class, context.device_id)):
        yield


def fast_on_cpu() -> bool:
    """Return whether to build the form that is faster on the CPU."""
    return on_cpu() and not _plain.get()
