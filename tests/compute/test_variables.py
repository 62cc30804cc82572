"""Environment variables that hold something else than what the pipeline writes there."""

import psutil
import pytest

from pipeline.compute import gpus, parallel
from pipeline.compute.variables import whole
from pipeline.engine import processes
from pipeline.errors import PipelineError


@pytest.mark.parametrize("junk", ["x", "-1", "1.5", "1e3", "٣", "9" * 40, "1;2"])
@pytest.mark.parametrize("name", [gpus.SLOTS, "LOCAL_RANK", "WORLD_SIZE"])
def test_junk_is_named_with_what_to_do(monkeypatch, name, junk):
    monkeypatch.setenv(name, junk)
    with pytest.raises(PipelineError, match=rf"{name} is .*unset {name}"):
        whole(name, 1)
    if name == "LOCAL_RANK":
        with pytest.raises(PipelineError, match=name):
            parallel.local_rank()


@pytest.mark.parametrize(("text", "number"), [("", 7), (" ", 7), ("0", 0), (" 12 ", 12)])
def test_a_number_is_read_and_nothing_is_the_default(monkeypatch, text, number):
    monkeypatch.setenv("PIPELINE_X", text)
    assert whole("PIPELINE_X", 7) == number


@pytest.mark.parametrize("junk", ["x", "a b c d", "host one 1", "- 0 0", "host 1 nan"])
def test_a_starter_that_is_none_is_not_looked_for(monkeypatch, junk):
    monkeypatch.setenv(processes.STARTER, junk.replace("host", processes.socket.gethostname()))
    parents = {process.pid for process in psutil.Process().parents()}
    assert {process.pid for process in processes.starters() if process} <= parents
