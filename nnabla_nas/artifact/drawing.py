"""Draw a diagram with the best means the machine has; none missing ever stops a run."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

from nnabla_nas.artifact.diagram import Diagram
from nnabla_nas.artifact.dot_source import to_dot
from nnabla_nas.artifact.simple_picture import SimplePicture
from nnabla_nas.artifact.writing import reason

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TIMEOUT_SECONDS = 60


def draw(diagram: Diagram, png_path: Path, dot_path: Path) -> str:
    """Write the graphviz source of a diagram and a picture of it.

    Args:
        diagram: what to draw.
        png_path: the picture.
        dot_path: the source.

    Returns:
        How it was drawn, and what failed before.

    Raises:
        OSError: if one of the files cannot be written.
    """
    source = to_dot(diagram)
    dot_path.write_text(source, encoding="utf-8")
    failures = []
    for name, binary in (("dot", shutil.which("dot")), ("graphviz-pure", find_graphviz_pure())):
        if binary is None:
            failures.append(f"{name} is not installed")
            continue
        picture, failure = _render(binary, source)
        if picture is not None:
            png_path.write_bytes(picture)
            return "; ".join([f"drawn with {name}", *failures])
        failures.append(f"{name} failed: {failure}")
    SimplePicture(diagram).save(png_path)
    return "; ".join(["drawn simply, without graphviz", *failures])


def find_graphviz_pure() -> str | None:
    """Return the path of the graphviz-pure binary, or None.

    It is looked for beside the Python in use, on PATH, and where its package was installed.
    """
    name = "graphviz-pure"
    places = [str(Path(sys.executable).parent), os.environ.get("PATH", "")]
    binary = shutil.which(name, path=os.pathsep.join(places))
    if binary is not None:
        return binary
    try:
        files = importlib.metadata.files(name) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    located = [Path(str(file.locate())).resolve() for file in files if file.name == name]
    return next((str(path) for path in located if os.access(path, os.X_OK)), None)


def _render(binary: str, source: str) -> tuple[bytes | None, str]:
    command = [binary, "-Tpng"]
    try:
        answer = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=_TIMEOUT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return None, f"no picture after {_TIMEOUT_SECONDS} seconds"
    except OSError as error:
        return None, reason(error)
    if answer.returncode == 0 and answer.stdout.startswith(_PNG_SIGNATURE):
        return answer.stdout, ""
    complaint = answer.stderr.decode(errors="replace").strip().splitlines()
    return None, complaint[0] if complaint else f"exit code {answer.returncode}"
