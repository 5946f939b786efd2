"""A signal ends a command whatever it interrupts, once, and what is being tidied up is tidied up."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from commands import Errtax

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no such signals there")

PROGRAM = """
import os, signal, sys, time
import click
from errtax.cli.main import cli, main
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs in the background has it ignored

class Swallows:
    def __del__(self):  # an exception that is raised here is ignored
        os.kill(os.getpid(), NUMBER)
        for _ in range(1000):
            pass

@click.command("lose")
def lose():
    try:
        Swallows()
        print("lost", flush=True)
        for _ in range(600):
            time.sleep(0.1)
    finally:
        time.sleep(0.5)  # tidying up takes longer than the next alarm
        print("tidied up", flush=True)

cli.get_command = lambda ctx, name: lose
cli.resolve_command = lambda ctx, args: ("lose", lose, [])
sys.argv = ["errtax", "lose"]
main()
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_swallowed_signal_is_raised_again_and_once(number: signal.Signals, code: int) -> None:
    program = PROGRAM.replace("NUMBER", str(int(number)))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=False)
    assert "lost" in done.stdout, done.stderr
    assert (done.returncode, done.stdout.splitlines()[-1]) == (code, "tidied up"), done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_at_random_moments(errtax: Errtax, number: signal.Signals) -> None:
    """While modules and kernels are loaded above all; the command is ended, or was done, and leaves nothing."""
    rng = np.random.default_rng()
    line = [sys.executable, "-m", "errtax", "peel", "--preds", "preds.parquet", "--train-text", "train.txt", "--force"]
    before = sorted(path.name for path in Path().iterdir())
    for _ in range(4):
        with subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            time.sleep(rng.uniform(0.8, 2.5))
            process.send_signal(number)
            assert process.wait(60) in (0, 128 + number, -number)
        Path("preds.peel.parquet").unlink(missing_ok=True)
        assert sorted(path.name for path in Path().iterdir()) == before


def test_handlers_are_those_of_before_after_a_command(errtax: Errtax) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    assert errtax("info").code == 0
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
