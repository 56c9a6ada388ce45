"""Signals while an epoch is judged and drawn, and while a search writes what it found."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main
from nnabla_nas.runner.record import Record
from nnabla_nas.runner.runner import Runner
from nnabla_nas.runner.searcher.searcher import Searcher

# Where the signal arrives, and at which call: the first epoch is that of the warm-up.
IN_EPOCH: dict[str, tuple[type, str, int]] = {
    "evaluation": (Runner, "evaluate", 2),
    "architecture": (Record, "architecture", 1),
    "drawing": (Record, "_draw", 1),
    "row": (Record, "epoch", 2),
    "checkpoint": (Runner, "save_checkpoint", 3),
}
AT_THE_END: dict[str, tuple[type, str, int]] = {
    "finish": (Searcher, "finish", 1),
    "drawing": (Record, "_draw", 3),
    "weights": (Record, "weights", 1),
    "result": (Record, "result", 1),
}


def signalled(patch: pytest.MonkeyPatch, place: tuple[type, str, int]) -> None:
    """Send SIGTERM to this process when a method is called for the n-th time."""
    owner, name, n = place
    real, calls = getattr(owner, name), 0

    def call(*arguments: Any, **keywords: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == n:
            signal.raise_signal(signal.SIGTERM)
        return real(*arguments, **keywords)

    patch.setattr(owner, name, call)


@pytest.mark.parametrize("moment", IN_EPOCH)
def test_what_is_done_at_the_end_of_an_epoch_is_completed_first(
    finished: tuple[Path, Path],
    tmp_path: Path,
    outcome: Callable[[Path], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    moment: str,
) -> None:
    config, whole = finished
    flags = ["-f", str(config), "-o", str(tmp_path / "run")]
    with pytest.MonkeyPatch.context() as patch:
        signalled(patch, IN_EPOCH[moment])
        assert main(flags) == 143
    assert "after update 4; go on by the same command with --resume" in capsys.readouterr().err
    assert main([*flags, "--resume"]) == 0
    assert outcome(tmp_path / "run") == outcome(whole)


@pytest.mark.parametrize("moment", AT_THE_END)
def test_a_search_that_has_come_to_its_end_is_finished(
    finished: tuple[Path, Path],
    tmp_path: Path,
    outcome: Callable[[Path], dict[str, Any]],
    moment: str,
) -> None:
    config, whole = finished
    with pytest.MonkeyPatch.context() as patch:
        signalled(patch, AT_THE_END[moment])
        assert main(["-f", str(config), "-o", str(tmp_path / "run")]) == 0
    assert outcome(tmp_path / "run") == outcome(whole)
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "finished"
