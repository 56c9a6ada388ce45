from __future__ import annotations

import json

import pytest

from nnabla_nas.artifact import Progress


def test_progress_continues_from_its_state() -> None:
    progress = Progress("search", 3, 120, 7680, 1.5, 1.25, 2, 0.1, baseline=0.7)
    restored = Progress("warmup")
    restored.load_state_dict(json.loads(json.dumps(progress.state_dict())))
    assert restored == progress


@pytest.mark.parametrize("change", [{"epoch": None}, {"colour": 1}])
def test_other_fields_are_refused_whole(change: dict[str, int | None]) -> None:
    state = Progress("train", epoch=5).state_dict()
    for name, value in change.items():
        if value is None:
            del state[name]
        else:
            state[name] = value
    progress = Progress("warmup")
    with pytest.raises(ValueError, match="fields of a progress"):
        progress.load_state_dict(state)
    assert progress == Progress("warmup")
