"""How a rank of a training on several devices ends."""

import os
import subprocess
import sys

from tests.conftest import ROOT

SIGNALLED_AT_ITS_END = """
import atexit, os, signal, sys
from pipeline.cli import main
atexit.register(os.kill, os.getpid(), signal.SIGTERM)
sys.exit(main(["check"]))
"""


def test_a_signal_that_comes_when_all_is_done_says_and_changes_nothing():
    """torchrun sends one to the other ranks when one has died, wherever they are."""
    done = subprocess.run(
        [sys.executable, "-c", SIGNALLED_AT_ITS_END],
        cwd=ROOT,
        env=os.environ | {"TORCHELASTIC_RUN_ID": "1", "RANK": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
