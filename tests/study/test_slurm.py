"""Studies on a real Slurm of two nodes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.artifact.run_folder import RunFolder
from nnabla_nas.cli import main
from tests.study.cluster import Cluster, is_possible, running_cluster

pytestmark = pytest.mark.skipif(not is_possible(), reason="needs Slurm, munge and root")
Write = Callable[[dict[str, Any]], Path]


@pytest.fixture
def cluster(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("slurm")) as one:
        monkeypatch.setenv("SLURM_CONF", one.environment["SLURM_CONF"])
        yield one


def content(folder: Path) -> list[bytes]:
    """Return what must be the same on every engine."""
    run = RunFolder(folder)
    result = json.loads(run.result.read_text())
    kept = {key: value for key, value in result.items() if not key.endswith("seconds")}
    kept.pop("retrain")
    return [json.dumps(kept).encode(), run.weights.read_bytes(), run.arch_json.read_bytes()]


def test_the_small_study_is_the_same_on_a_cluster(
    cluster: Cluster,
    write_study: Write,
    small_study: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small_study["seeds"] = [0, 1]
    del small_study["experiments"]["random"]
    path = str(write_study(small_study))
    out = tmp_path / "out"
    assert main(["study", path, "--engine", "slurm"]) == 0
    assert "submitted 4 runs to Slurm" in capsys.readouterr().out
    assert main(["study", path, "--engine", "slurm"]) == 0
    assert "nothing to submit: what is left is queued or running" in capsys.readouterr().out
    runs = [f"{name}/seed-{seed}" for name in ("search", "found") for seed in (0, 1)]
    cluster.wait_until(lambda: all((out / run / "result.json").exists() for run in runs), 240)
    cluster.wait_until(lambda: not cluster.ask("squeue", "--noheader"))
    assert main(["study", path, "--engine", "slurm"]) == 0
    assert "test.error" in capsys.readouterr().out
    assert main(["study", path, "-o", str(tmp_path / "local"), "--jobs", "2"]) == 0
    for run in runs:
        assert content(out / run) == content(tmp_path / "local" / run)


def starts(folder: Path) -> int:
    path = folder / "starts.txt"
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_killed_node_and_a_preemption_cost_nothing(
    cluster: Cluster, stub: Path, write_study: Write, small_study: dict[str, Any], tmp_path: Path
) -> None:
    experiments = small_study["experiments"]
    # The first attempts go on until they are asked to end.
    for name in ("search", "random"):
        experiments[name]["set"] = {"print_frequency": 5}
    small_study["engine"] = {"name": "slurm", "partition": "low", "cpus": 2}
    path = write_study(small_study)
    out = tmp_path / "out"
    assert main(["study", str(path)]) == 0
    search, random = out / "search" / "seed-0", out / "random" / "seed-0"
    cluster.wait_until(lambda: (search / "ready").exists() and (random / "ready").exists())
    script = tmp_path / "urgent.sh"
    script.write_text("#!/bin/sh\ntrue\n")
    cluster.kill_node("n1")
    # Slurm would notice by itself, later.
    cluster.ask("scontrol", "update", "nodename=n1", "state=down", "reason=killed")
    urgent = ("sbatch", "--partition=high", "--cpus-per-task=2", "--output=/dev/null")
    cluster.ask(*urgent, str(script))
    results = [out / name / "seed-0" / "result.json" for name in experiments]
    cluster.wait_until(lambda: all(one.exists() for one in results), 120)
    assert [starts(search), starts(random), starts(out / "found" / "seed-0")] == [2, 2, 1]
    said = [(out / ".study" / name / "seed-0.txt").read_text() for name in ("search", "random")]
    # One was killed with its node, the other one asked to end and given the time for it.
    assert sorted("stopped after update" in text for text in said) == [False, True]
