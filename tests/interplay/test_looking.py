"""What people look at, in a real browser that has no network: the report and DVC's plots."""

from pathlib import Path

from tests.browser import Browser, colours
from tests.conftest import Project


def pictures(project: Project) -> list[Path]:
    """Those that the stages of all runs have drawn."""
    return list((project.path / "results").glob("*/*.png"))


def test_the_report_shows_every_picture_with_its_caption_offline(
    finished: Project, browser: Browser, tmp_path: Path
):
    report = tmp_path / "report.html"
    finished.snakemake("--report", str(report))
    page = browser.open(report)
    page.wait_for_selector("table")  # the start: the table, not the graph
    assert page.locator("div#rulegraph").count() == 0
    top = page.locator("th", has_text="FID (classifier)").first.bounding_box()
    assert top is not None and top["y"] > 0
    for run in ("digits", "line"):
        page.reload()
        page.get_by_text(run, exact=True).first.click()
        names = [name.strip() for name in page.locator("tbody tr:has(a)").all_inner_texts()]
        assert sorted(names) == sorted(p.stem for p in pictures(finished) if p.parent.name == run)
        for number in range(len(names)):
            page.locator("tbody tr:has(a)").nth(number).locator("a").first.click()
            page.wait_for_selector("img[src^='data:image/png']")
            assert browser.painted() >= 1
            assert colours(page, "img[src^='data:image/png']") > 10
    page.screenshot(path=tmp_path / "report.png")
    page.locator("tbody tr:has(a)").nth(names.index("grid")).locator("a").nth(1).click()
    page.wait_for_function("document.body.innerText.includes('Samples, not selected')")
    assert browser.trouble == []


def test_the_page_of_results_opens_without_a_request_an_error_or_a_script(
    finished: Project, browser: Browser, tmp_path: Path
):
    finished.pipeline("page")
    file = finished.path / "results/index.html"
    assert file.stat().st_size < 15_000_000
    for width, scheme in ((1400, "light"), (390, "dark")):
        browser.page.set_viewport_size({"width": width, "height": 900})
        browser.page.emulate_media(color_scheme=scheme)
        page = browser.open(file)
        assert browser.painted() == len(pictures(finished)) + 2  # the sheets stand in two places
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.screenshot(path=tmp_path / f"page_{scheme}.png", full_page=True)
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(17, 19, 24)"  # dark
    assert page.get_by_text("of 2 runs").count() == 0  # all are finished
    page.locator("#runs-digits ~ .columns").get_by_text("this one alone").click()
    assert page.url.endswith("#run-digits")
    page.get_by_text("back to side by side").locator("visible=true").click()
    page.get_by_label("digits", exact=True).first.uncheck()
    assert not page.locator("#run-digits").is_visible()
    assert page.locator("#run-line").is_visible()
    assert page.locator("script").count() == 0
    assert browser.trouble == []


def test_plots_of_two_revisions_are_painted_offline(
    finished: Project, browser: Browser, tmp_path: Path
):
    copy = finished.copy(tmp_path / "a copy")
    copy.run("tools/plots-page")
    copy.edit("params.yaml", "{validation_images: 300, real", "{validation_images: 200, real")
    copy.run("dvc", "repro")
    for command, revisions in ((("show",), 1), (("diff", "HEAD"), 2)):
        out = tmp_path / command[0]
        copy.run("dvc", "plots", *command, "--out", str(out))
        page = browser.open(out / "index.html")
        page.wait_for_function("document.querySelectorAll('canvas').length >= 4")
        assert browser.painted() == len(pictures(copy)) * revisions
        assert colours(page, "canvas") > 10
        page.screenshot(path=tmp_path / f"{command[0]}.png", full_page=True)
        said = (out / "index.html").read_text()
        assert '"fold": ["g_loss", "d_loss", "loss"]' in said  # both players in one chart
    assert "HEAD" in said
    assert browser.trouble == []
