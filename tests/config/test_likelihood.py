"""`likelihoods:` of params.yaml: what is refused, in one line, before anything runs."""

import copy

import pytest
from ruamel.yaml import YAML

from pipeline.config.params import validate
from pipeline.errors import ConfigError
from tests.conftest import ROOT
from tests.models.examples import EXAMPLES

QUICK = YAML(typ="safe").load((ROOT / "recipes/quick.yaml").read_text())
ENTRY = {"run": "digits", "dataset": "digits", "seed": 0, "threads": 1}


def params(entry: dict, **train) -> dict:
    content = copy.deepcopy(QUICK)
    content["runs"]["digits"]["train"] |= train
    return content | {"likelihoods": {"digits": ENTRY | entry}}


def refused(content: dict) -> str:
    with pytest.raises(ConfigError) as error:
        validate(content, "params.yaml")
    heading, line = str(error.value).splitlines()
    assert heading == "params.yaml is not valid:"
    return line.strip()


def test_the_group_may_be_left_out_or_empty():
    assert validate(QUICK, "params.yaml").likelihoods == {}
    assert validate(QUICK | {"likelihoods": {}}, "params.yaml").likelihoods == {}
    assert "write {} for none" in refused(QUICK | {"likelihoods": None})


def test_an_entry_needs_no_more_than_its_run_seed_and_threads():
    entry = validate(params({}), "params.yaml").likelihoods["digits"]
    assert (entry.images, entry.sigma) == (100, None)
    assert entry.sigma_search.sigmas()[0] == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"run": "nobody"}, "run is 'nobody'; known runs: digits, line"),
        ({"dataset": "line"}, "runs.digits.dataset is 'digits': write dataset: digits"),
        ({"run": "line", "dataset": "line"}, "points of a known density have no grey levels"),
        ({"images": 1_000}, "images is 1,000, but digits has 297 test images"),
        (
            {"sigma_search": {"images": 301}},
            "sigma_search.images is 301, but digits has 300 validation images",
        ),
        ({"sigma": 0.1, "sigma_search": {"points": 3}}, "leave out sigma or sigma_search"),
        ({"sigma": -0.1}, "sigma: found -0.1"),
        ({"chains": 0}, "chains: found 0"),
        ({"temperature": 5}, "unknown key (did you mean temperatures?)"),
        ({"device": "mps"}, "device: found 'mps'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(entry: dict, said: str):
    line = refused(params(entry))
    assert line.startswith("likelihoods.digits.") and said in line


def test_a_family_without_a_decoder_is_refused():
    content = params({})
    content["runs"]["digits"] |= {"model": "rbm", "train": EXAMPLES["rbm"], "sample": {}}
    line = refused(content)
    assert "of model: rbm, which has no decoder G(z)" in line
    assert "results/digits/theory.json" in line


def test_a_generator_that_is_told_the_class_or_draws_by_itself_is_refused():
    assert "mixture over classes" in refused(params({}, conditional={}))
    generator = QUICK["runs"]["digits"]["train"]["generator"]
    disturbed = {
        "dropout": {"dropout": 0.5},
        "noise": {"noise_std": 0.1, "noise_when_sampling": True},
    }
    for key, settings in disturbed.items():
        line = refused(params({}, generator=generator | settings))
        assert f"{key}_when_sampling: false" in line
    quiet = generator | {"dropout": 0.5, "dropout_when_sampling": False}
    validate(params({}, generator=quiet), "params.yaml")


def test_contrast_normalised_images_are_refused():
    content = params({})
    content["datasets"]["digits"]["normalize"]["gcn"] = 55.0
    content["runs"]["digits"]["train"]["generator"]["output"] = "linear"
    assert "pixels are no grey levels any more" in refused(content)


def test_names_are_those_of_files():
    content = QUICK | {"likelihoods": {"a-b": ENTRY}}
    assert "likelihoods.a-b: a name starts with a letter" in refused(content)
    taken = copy.deepcopy(QUICK)
    taken["runs"]["likelihoods"] = taken["runs"].pop("digits")
    assert "reserved" in refused(taken)
