"""Files and values that `check` must refuse in a few lines."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.config.params import load, validate
from pipeline.errors import ConfigError
from tests.config.odd_params import NEVER_VALID, complaint, complete, keys
from tests.config.test_params import complaint as complaint_of
from tests.config.test_params import quick

CONTENT = complete()


@pytest.mark.parametrize("key", list(keys(CONTENT)), ids=".".join)
def test_what_no_key_can_hold_is_refused_by_name(key: tuple[str, ...]):
    for value in NEVER_VALID:
        said = complaint(CONTENT, key, value)
        assert said, f"{value!r:.40} is accepted"
        assert key[-1] in said
        assert len(said) < 2_500


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("latin", "runs: é".encode("latin-1"), "is not UTF-8 text: line 1 holds the byte 0xe9"),
        ("utf16", "runs: {}".encode("utf-16"), "is not UTF-8 text: line 1 holds the byte 0xff"),
        ("deep", b"[" * 5_000 + b"]" * 5_000, "is not valid"),
        ("digits", b"runs: " + b"1" * 5_000, "is not valid YAML"),
        ("date", b"runs: 2020-13-45", "is not valid YAML"),
        ("zero", b"runs: \0", "is not valid YAML"),
        ("tag", b"runs: !!python/object/apply:os.getcwd []", "is not valid YAML"),
        ("list key", b"? [1]\n: 2\n", "is not valid"),
        ("empty", b"", "is not valid"),
        ("number", b"5", "is not valid"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture, name: str, content: bytes, expected: str
):
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert cli.main(["check", "--file", str(path)]) == 1
    said = capsys.readouterr().err
    assert expected in said
    assert str(path) in said
    assert len(said.splitlines()) < 12
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_and_a_loop_of_links_are_said(tmp_path: Path):
    with pytest.raises(ConfigError, match="is a folder"):
        load(tmp_path)
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(ConfigError, match=r"cannot be read: .*symbolic links"):
        load(loop)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            lambda p: p["runs"]["digits"]["train"]["generator"].update(hidden=[10**8, 10**8]),
            "runs.digits.train.generator: needs 142 PiB of memory at least",
        ),
        (
            lambda p: p["runs"]["digits"]["sample"].update(count=10**10),
            "runs.digits.sample.count is 10,000,000,000: the samples take 2.33 TiB of disk",
        ),
        (
            lambda p: p["datasets"]["line"]["source"].update(train_points=10**12),
            "datasets.line.source.train_points and test_points need 7.28 TiB",
        ),
        (
            lambda p: p["datasets"]["line"]["source"].update(test_points=5),
            "test_points: found 5, must be greater than or equal to 6",
        ),
        (
            lambda p: p["datasets"]["line"]["source"].update(seed=-1),
            "datasets.line.source.seed: found -1, must be greater than or equal to 0",
        ),
        (lambda p: p["runs"].clear(), "runs: "),
    ],
)
def test_what_would_fail_hours_later_is_known_to_check(change, expected: str):
    assert expected in complaint_of(change)


def test_a_net_that_does_not_fit_the_images_is_known_to_check():
    def dcgan(content: dict) -> None:
        net = content["runs"]["digits"]["train"]["discriminator"]
        content["runs"]["digits"]["train"]["discriminator"] = {
            key: net[key] for key in ("init", "optimizer")
        } | {"name": "dcgan"}

    assert "runs.digits.train.discriminator: net dcgan is for images of 16 to 256" in complaint_of(
        dcgan
    )


def test_a_mistake_in_every_run_of_a_sweep_is_said_once():
    content = quick()
    line = content["runs"]["line"]
    content["runs"] = {
        f"line{n}": line | {"train": line["train"] | {"stepps": 1}} for n in range(40)
    }
    with pytest.raises(ConfigError) as error:
        validate(content, "params.yaml")
    assert str(error.value).splitlines()[1:] == [
        "  runs.line0.train.stepps: unknown key (did you mean steps?) (the same in 39 more runs)"
    ]


def test_the_settings_are_checked_without_importing_torch():
    command = "import sys, pipeline.config.params, pipeline.config.notes; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
