"""Commands of their own: every end is a line and an exit code."""

from __future__ import annotations

import signal
import subprocess
import sys
import warnings
from collections.abc import Callable

import pytest

from presage.errors import OutOfMemory, PresageError, WorkerWarning, WrongInput
from presage.training.lone_command import run_alone


def test_work_gives_the_exit_code() -> None:
    assert run_alone("campaign", lambda: 1) == 1


@pytest.mark.parametrize(("error", "code"), [(WrongInput("The `out`\nmust be."), 2), (OutOfMemory("No room."), 1)])
def test_an_error_is_a_line(error: PresageError, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise error

    assert run_alone("campaign", work) == code
    assert capsys.readouterr().err == str(error).replace("\n", "\\n") + "\n"


def test_a_stopped_worker_is_told_of_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        warnings.warn("Worker process 7 was stopped.", WorkerWarning, stacklevel=1)
        return 0

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        assert run_alone("campaign", work) == 0
    assert capsys.readouterr().err == "campaign: Worker process 7 was stopped.\n"


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["int", "term"])
@pytest.mark.parametrize("module", ["presage.probe", "presage.training.campaign"])
def test_a_signal_ends_it_in_a_line(module: str, sign: int, code: int, ended: Callable[[str, int], str]) -> None:
    """Both commands, at the reading of their first dataset."""
    name = module.rpartition(".")[2]
    line = f"{name}: interrupted. Type the same command to go on where it stopped.\n"
    assert ended(module, sign) == (code, line)


@pytest.fixture
def ended(tmp_path: pytest.TempPathFactory) -> Callable[[str, int], tuple[int, str]]:
    program = """
import signal, sys, time
from importlib import import_module
signal.signal(signal.SIGINT, signal.default_int_handler)  # of tests in the background it is ignored
module = import_module(sys.argv[1])

def read(*_, **__):
    print("reading", flush=True)
    time.sleep(60)

module.load_dataset = read
sys.exit(module.main(["digits", "--out", sys.argv[2]]))
"""

    def run(module: str, sign: int) -> tuple[int, str]:
        module = "presage.probe.__main__" if module == "presage.probe" else module
        words = [sys.executable, "-c", program, module, str(tmp_path)]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "reading\n"
            process.send_signal(sign)
            _, told = process.communicate(timeout=60)
        return process.returncode, told

    return run
