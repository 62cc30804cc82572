"""Which signals end a command."""

import signal
import subprocess
import sys
import time

from tests.conftest import ROOT

PROGRAM = """
import time
from pipeline.engine import processes

processes.interrupt_on_sigterm()
print("ready", flush=True)
try:
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_what_a_script_has_in_the_background_ends_at_sigterm_and_not_at_ctrl_c():
    """Such a shell has it ignore SIGINT, so that Ctrl-C ends the script's foreground only."""
    command = ["sh", "-c", '"$0" -c "$1" & echo $!; wait $!', sys.executable, PROGRAM]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        background = int(shell.stdout.readline())
        assert shell.stdout.readline() == "ready\n"
        subprocess.run(["kill", "-INT", str(background)], check=True)
        time.sleep(0.3)
        subprocess.run(["kill", f"-{signal.SIGTERM}", str(background)], check=True)
        assert shell.communicate()[0] == "interrupted\n"
        assert shell.returncode == 0
