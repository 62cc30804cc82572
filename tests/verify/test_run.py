"""verify: the same bits, the same numbers or others; on a processor and with versions that are known, or not."""

import json
import shutil

import pytest
import yaml

from pipeline.cli import main
from pipeline.verify import compare, kinds
from pipeline.verify.content import Content
from tests.conftest import ROOT

FID = "results/digits/metrics.json"
MODEL = "results/digits/samples/00001.json"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder in which the quick recipe seems to have given two outputs, recorded for this processor."""
    (tmp_path / "recipes").mkdir()
    shutil.copy(ROOT / "recipes/quick.yaml", tmp_path / "recipes")
    monkeypatch.chdir(tmp_path)
    for path, fid in ((FID, 31.75), (MODEL, 1.0)):
        write(tmp_path / path, fid)
    stages = {"metrics@digits": {"outs": [{"path": FID}, {"path": "results/digits/samples"}]}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump({"stages": stages}))
    assert main(["verify", "--folder", ".", "--record"]) == 0
    return tmp_path


def write(path, fid: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"fid": fid}))


def verify(capsys, code: int = 0) -> str:
    capsys.readouterr()
    assert main(["verify", "quick", "--folder", "."]) == code
    said = capsys.readouterr()
    return said.out + said.err


def test_the_same_bits_are_said_of_every_output(here, capsys):
    said = verify(capsys)
    assert "2 outputs: 2 the same bits, 0 the same numbers, 0 different" in said
    assert [line.split()[0] for line in said.splitlines() if line.endswith("  same bits")] == [
        FID,
        MODEL,
    ]


def test_what_dvc_lock_keeps_of_another_recipe_is_left_out(here, capsys):
    """As in a clone of a release, which records the default run."""
    content = yaml.safe_load((here / "dvc.lock").read_text())
    content["stages"]["train@mnist"] = {"outs": [{"path": "results/mnist/model.safetensors"}]}
    (here / "dvc.lock").write_text(yaml.safe_dump(content))
    assert "2 outputs: 2 the same bits" in verify(capsys)


def test_a_rounding_is_told_from_another_result(here, capsys):
    write(here / FID, 31.75 * (1 + 1e-6))
    assert "same numbers within 1e-06" in verify(capsys)
    write(here / FID, 40)
    said = verify(capsys, code=1)
    assert "differs: fid 40, expected 31.75" in said
    assert "1 of 2 outputs of quick differ from what" in said and "--record" in said


def test_an_output_too_few_or_too_many_differs(here, capsys):
    (here / MODEL).unlink()
    write(here / "results/digits/samples/00002.json", 1)
    said = verify(capsys, code=1)
    assert "00001.json  is missing" in said and "00002.json  is not expected" in said


def test_numbers_of_an_unknown_processor_are_compared_and_nothing_fails(here, capsys, monkeypatch):
    monkeypatch.setattr(kinds, "of_this_machine", lambda: "AuthenticAMD-bf16")
    write(here / FID, 40)
    said = verify(capsys)
    assert "nothing is recorded of processors of the kind AuthenticAMD-bf16" in said
    assert "differs: fid 40, expected 31.75" in said


def test_other_versions_are_named_and_nothing_fails(here, capsys, monkeypatch):
    monkeypatch.setattr(kinds, "versions", lambda: {"torch": "9.9"})
    write(here / FID, 40)
    said = verify(capsys)
    assert "note: other versions: " in said and ", here 9.9" in said


def test_another_recipe_under_the_same_name_is_named(here, capsys):
    recipe = here / "recipes/quick.yaml"
    recipe.write_text(recipe.read_text().replace("steps: 600", "steps: 601"))
    assert "note: the recipe has changed since" in verify(capsys)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["quik"], "there is no recipe 'quik' (did you mean quick?); there are: default, quick"),
        (["quick", "--folder", "nowhere"], "nowhere/dvc.lock is missing: nothing has run there"),
    ],
)
def test_a_mistake_ends_in_a_line(here, capsys, arguments, expected):
    assert main(["verify", *arguments]) == 1
    said = capsys.readouterr().err
    assert expected in said and len(said.splitlines()) == 1


def test_what_was_never_recorded_is_said(here, capsys):
    shutil.rmtree(here / "expected")
    assert "nothing is recorded of quick. Next: python -m pipeline verify quick --record" in verify(
        capsys, code=1
    )


def test_a_damaged_record_is_named(here, capsys):
    (path,) = (here / "expected/quick").iterdir()
    path.write_text('{"outputs": 1}')
    assert "git checkout" in verify(capsys, code=1)


def test_a_missing_output_is_named(here, capsys):
    (here / FID).unlink()
    assert f"{FID} is recorded but not there" in verify(capsys, code=1)


def test_deviations_are_relative_to_the_larger_number():
    assert compare.deviation(99, 100) == compare.deviation(100, 99) == pytest.approx(0.01)
    assert compare.deviation(0, 0) == compare.deviation(float("nan"), float("nan")) == 0
    assert compare.deviation(0, 1e-30) == 1
    found = compare.verdict("a", Content("1", {"x": 1.0}), Content("2", {"y": 1.0}))
    assert not found.same and "x is in one of them only" in found.words


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ("sse2 avx", "sse"),
        ("avx2 fma", "avx2"),
        ("avx2 fma avx512f avx512bw avx512dq avx512vl", "avx512"),
        ("avx2 fma avx512f avx512bw avx512dq avx512vl avx512_vnni avx512_bf16", "bf16"),
        ("avx2 fma avx512_bf16", "avx2"),
    ],
)
def test_a_kind_of_processor_is_its_maker_and_what_it_can_do(monkeypatch, flags, kind):
    monkeypatch.setattr(kinds.machine, "flags", lambda: frozenset(flags.split()))
    monkeypatch.setattr(kinds.machine, "maker", lambda: "GenuineIntel")
    assert kinds.of_this_machine() == f"GenuineIntel-{kind}"
