"""What the three stages share; not among their deps, as it does not change what they write."""

import json
import os
import sys
import time
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def stage(name: str):
    """Log the execution where no engine looks; the parameters of all runs."""
    runs = json.loads(Path("params.yaml").read_text())["runs"]
    misbehave(name)
    if "SECONDS_PER_STAGE" not in os.environ:
        log(name)
        yield runs
        return
    sys.path.insert(0, ".")
    from pipeline.engine.input_guard import recorded_as_read
    from pipeline.errors import PipelineError
    from pipeline.io.notes import Note, Notes

    try:
        with recorded_as_read():
            log(name)
            Notes().write(Note(done=1, of=4, seconds_left=75))
            time.sleep(float(os.environ["SECONDS_PER_STAGE"]))
            yield runs
    except PipelineError as error:
        sys.exit(f"error: {error}")


def log(name: str) -> None:
    with open(os.environ["EXECUTIONS"], "a") as file:
        file.write(f"{name}\n")


def misbehave(name: str) -> None:
    """As MISBEHAVE asks of the stage: hang, eat so many megabytes, or wait until a file is there."""
    how = json.loads(os.environ.get("MISBEHAVE", "{}")).get(name)
    if how is None:
        return
    with open(os.environ["EXECUTIONS"] + ".held", "a") as file:
        file.write(f"{name}\n")
    kept = b"x" * (how * 2**20) if isinstance(how, int) else b""
    while isinstance(how, int) or not os.path.exists(how):
        time.sleep(0.05)
    del kept
