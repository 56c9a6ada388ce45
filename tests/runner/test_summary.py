from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from nnabla_nas.cli import main


@pytest.mark.parametrize(("mode", "words"), [("sample", "one path"), ("full", "all paths")])
def test_the_summary_says_what_the_memory_is_for(
    tmp_path: Path,
    search_json: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    mode: str,
    words: str,
) -> None:
    search_json["network"]["mode"] = mode
    search_json["algorithm"] = "DartsSearcher" if mode == "full" else "ProxylessNasSearcher"
    path = tmp_path / "search.json"
    path.write_text(json.dumps(search_json))
    assert main(["-f", str(path), "--dry-run"]) == 0
    assert re.search(rf"memory: about .*; {words} on 128 examples", capsys.readouterr().out)
