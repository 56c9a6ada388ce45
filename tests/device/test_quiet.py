from __future__ import annotations

import subprocess
import sys

import pytest

QUIET = "from nnabla_nas.device.quiet import quiet_nnabla, silence; quiet_nnabla(); "
SHOW = (
    "import logging, nnabla; root = logging.getLogger(); "
    "print(len(root.handlers), root.level == logging.WARNING); "
    "nnabla.logger.info('chatter'); nnabla.logger.warning('trouble')"
)


def run(program: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout, done.stderr


def test_nothing_is_said_when_called_before_nnabla_is_imported() -> None:
    assert run(QUIET + SHOW) == ("0 True\n", "trouble\n")


def test_the_root_logger_is_restored_when_nnabla_was_imported_before() -> None:
    out, err = run("import nnabla; " + QUIET + SHOW)
    assert out == "0 True\n"
    assert err.splitlines()[1:] == ["trouble"]


def test_handlers_of_the_program_stay() -> None:
    own = "import logging; logging.basicConfig(level=logging.INFO, format='own %(message)s'); "
    assert run(own + QUIET + SHOW) == ("1 False\n", "own trouble\n")


def test_importing_the_module_does_not_import_nnabla() -> None:
    program = "import sys, nnabla_nas.device.quiet; print('nnabla' in sys.modules)"
    assert run(program) == ("False\n", "")


@pytest.mark.parametrize("fails", [False, True])
def test_silence_ends_with_its_block(fails: bool) -> None:
    inner = "print('a'); nnabla.logger.error('b')" + ("; 1 / 0" if fails else "")
    program = f"""
{QUIET}
import nnabla
try:
    with silence():
        {inner}
except ZeroDivisionError:
    print("failed")
nnabla.logger.error("after")
"""
    assert run(program) == ("failed\n" if fails else "", "after\n")
