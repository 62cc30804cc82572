"""What is said of a stage that failed comes from its log."""

import pytest

from pipeline.engine import job_log

OURS = "error: stage train@x failed: {}\n  its log: logs/train_x.log\n  next: mend the cause\n"
ABOVE = OURS.format(
    "see its own message above; failed to run: python -m pipeline train x, exited with {}"
)
PROGRESS = "train x: step 100 of 600, 9,000 images/s, 3 s left\n"


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        (f"{PROGRESS}error: no mps here\n{ABOVE.format(1)}", "no mps here"),
        (f"error: bad:\n  a\n  b\n{ABOVE.format(1)}", "bad:\n  a\n  b"),
        (f"error: first\nerror: second\n{ABOVE.format(1)}", "second"),
        (OURS.format("missing data 'data/b.txt'"), "missing data 'data/b.txt'"),
        (f"Traceback ...\nKeyError: 'q'\n{ABOVE.format(1)}", "KeyError: 'q'"),
        (
            PROGRESS + ABOVE.format(-9),
            "it was killed (exited with -9), perhaps for want of memory",
        ),
        (
            PROGRESS + ABOVE.format(137),
            "it was killed (exited with 137), perhaps for want of memory",
        ),
        (ABOVE.format(3), "failed to run: python -m pipeline train x, exited with 3"),
        ("bash: line 1: python: command not found\n", "bash: line 1: python: command not found"),
        ("", "it left no word in its log"),
    ],
)
def test_the_cause_is_in_the_words_of_whoever_knows(log: str, expected: str):
    assert job_log.cause(log) == expected


def test_warnings_are_whole_lines():
    assert job_log.warnings(f"{PROGRESS}metrics x: warning: few images\nx: done\n") == [
        "metrics x: warning: few images"
    ]
