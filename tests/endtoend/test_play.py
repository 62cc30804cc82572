"""The page that `export` writes, in a browser: its G is ours, and everything on it works offline."""

from pathlib import Path

import pytest
import torch

from pipeline import load
from pipeline.cli import main
from tests.browser import Browser, colours
from tests.use.untrained import NETS, gan

PLAYED = ("batch", "layer norm", "maxout", "sigmoid", "colour", "conditional")


def exported(model: Path, page: Path) -> Path:
    assert main(["export", str(model), "--out", str(page)]) == 0
    return page


@pytest.mark.parametrize("name", PLAYED)
def test_the_page_gives_what_load_gives_of_the_same_points(
    tmp_path: Path, browser: Browser, name: str
):
    file = gan(tmp_path / "model.safetensors", **NETS[name])
    page = browser.open(exported(file, tmp_path / "page.html"))
    G = load(file)
    z = G.latent(4)
    label = 2 if G.class_names else None
    given = [[point, label] for point in z.tolist()]
    drawn = page.evaluate("all => all.map(([z, label]) => [...decode(z, label)])", given)
    expected = G.decode(z, label=label).flatten(1)
    torch.testing.assert_close(torch.tensor(drawn), expected, atol=1e-5, rtol=1e-5)
    assert browser.trouble == []


def test_points_and_paths_are_those_of_the_prior(tmp_path: Path, browser: Browser):
    for prior, dim in (("uniform", 12), ("gaussian", 12), ("sphere", 12)):
        net = NETS["batch"] | {"noise": {"prior": prior, "dim": dim}}
        file = gan(tmp_path / f"{prior}.safetensors", **net)
        page = browser.open(exported(file, tmp_path / f"{prior}.html"))
        drawn = torch.tensor(page.evaluate("Array.from({length: 2000}, () => [...draw()])"))
        assert not page.locator("#class").is_visible()
        assert page.locator("#truncation").is_visible() == (prior == "gaussian")
        assert drawn.std().item() == pytest.approx(1, abs=0.03)
        assert drawn.mean().item() == pytest.approx(0, abs=0.03)
        if prior == "uniform":
            assert drawn.abs().max() <= 3**0.5
        if prior == "sphere":
            assert torch.allclose(drawn.norm(dim=1), torch.tensor(12.0).sqrt(), atol=1e-4)
        G = load(file)
        a, b = G.latent(2)
        ends = [a.tolist(), b.tolist()]
        middle = page.evaluate("([a, b]) => [...decode(between(a, b, 0.5))]", ends)
        expected = G.interpolate(a, b, 3)[1].flatten()
        torch.testing.assert_close(torch.tensor(middle), expected, atol=1e-5, rtol=1e-5)
    page = browser.open(tmp_path / "gaussian.html")
    cut = torch.tensor(page.evaluate("Array.from({length: 500}, () => [...draw(0.7)])"))
    assert cut.abs().max() <= 0.7
    assert browser.trouble == []


def test_what_one_can_click_changes_what_one_sees(tmp_path: Path, browser: Browser):
    file = gan(tmp_path / "model.safetensors", **NETS["conditional"])
    page = browser.open(exported(file, tmp_path / "page.html"))
    assert page.locator("#samples canvas").count() == 24
    assert page.locator("#way canvas").count() == 10
    assert page.locator("#sliders input").count() == 12
    assert colours(page, "#current") > 10
    assert page.locator("#class").is_visible() and page.locator("#truncation").is_visible()

    def image() -> list[int]:
        return page.evaluate(
            "[...document.getElementById('current').getContext('2d').getImageData(0, 0, 8, 8).data]"
        )

    seen = [image()]

    def changed() -> bool:
        seen.append(image())
        return seen[-1] != seen[-2]

    page.click("#random")
    assert changed()
    page.locator("#sliders input").first.fill("2.5")
    assert changed()
    assert page.locator("#sliders output").first.inner_text() == "2.50"
    page.click("#back")
    assert changed() and seen[-1] == seen[1]
    page.select_option("#class", "2")
    assert changed()
    page.click("#set-a")
    page.locator("#samples button").nth(3).click()
    assert changed()
    page.click("#set-b")
    page.locator("#along").fill("0")
    assert changed() and seen[-1] == seen[-3]
    page.locator("#along").fill("1")
    assert changed() and seen[-1] == seen[-3]
    page.click("#play")
    for _ in range(500):  # the page forbids `eval`, by which wait_for_function would look
        page.wait_for_timeout(50)
        if float(page.locator("#along").input_value()) > 0.1:
            break
    assert float(page.locator("#along").input_value()) > 0.1
    page.click("#play")
    page.locator("#truncation").fill("0.5")
    assert page.locator("#truncation-value").inner_text() == "0.5"
    assert browser.trouble == []


def test_names_of_users_are_text(tmp_path: Path, browser: Browser):
    folder = tmp_path / "<img src=x onerror=alert(1)>"
    folder.mkdir()
    file = gan(folder / "model.safetensors", **NETS["batch"])
    page = browser.open(exported(file, tmp_path / "page.html"))
    assert page.locator("h1").inner_text() == f"The latent space of {folder.name}"
    assert page.locator("img").count() == 0
    assert browser.trouble == []
