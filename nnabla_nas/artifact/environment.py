"""On what machine and with which software a run was made."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import subprocess
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import Any

import nnabla_nas

_ROOT = Path(__file__).resolve().parents[2]


def describe_environment() -> dict[str, Any]:
    """Return the `environment` block of config.json, without importing nnabla.

    Returns:
        Versions, platform, processor, git commit (None outside a checkout of this package) and
        the time (UTC).
    """
    return {
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "versions": _versions(),
        "git_commit": _git_commit(_ROOT),
    }


@lru_cache(maxsize=1)
def describe_software() -> dict[str, str | None]:
    """Return what the last bits of a run may depend on: versions, this code, the processor.

    Returns:
        Versions by package; `code`, the first digits of a SHA-256 of all source files of this
        package; `processor`.
    """
    digest = hashlib.sha256()
    package = Path(nnabla_nas.__file__).parent
    for path in sorted(package.rglob("*.py")):
        digest.update(str(path.relative_to(package)).encode() + b"\0" + path.read_bytes() + b"\0")
    return {**_versions(), "code": digest.hexdigest()[:12], "processor": _processor()}


def _versions() -> dict[str, str | None]:
    names = [
        distribution.metadata["Name"]
        for distribution in importlib.metadata.distributions()
        if (distribution.metadata["Name"] or "").startswith(("nnabla-ext-cuda", "nnabla_ext_cuda"))
    ]
    versions: dict[str, str | None] = {"nnabla_nas": getattr(nnabla_nas, "__version__", None)}
    for name in ["nnabla", *sorted(names), "numpy", "h5py", "numba", "llvmlite"]:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = None
    return versions


def _processor() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or None


def _git_commit(root: Path) -> str | None:
    command = ["git", "-C", str(root), "rev-parse", "--show-toplevel", "HEAD"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    top, _, commit = answer.stdout.strip().partition("\n")
    # A package installed inside somebody's own checkout is not described by their commit.
    return commit if Path(top).resolve() == root else None
