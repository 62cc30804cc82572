import numpy as np
import pytest
from PIL import Image

from pipeline.config.datasets import Folder
from pipeline.errors import SourceError
from pipeline.sources import folder as source


def settings(path, **more) -> Folder:
    return Folder(name="folder", path=str(path), **({"height": 8, "width": 8} | more))


def fetched(path, **more):
    """With the digest of what is there, as `--accept` writes it."""
    digest = source.found(settings(path))[0]
    return source.fetch(settings(path, digest=digest, **more), "cats")


@pytest.fixture
def pictures(tmp_path):
    """Two classes of grey pictures in two formats and sizes."""
    random = np.random.default_rng(0)
    for kind, size in (("cat", 8), ("dog", 12)):
        (tmp_path / kind).mkdir()
        for index in range(10):
            pixels = random.integers(0, 256, (size, size), np.uint8)
            Image.fromarray(pixels).save(tmp_path / kind / f"{index}.{['png', 'bmp'][index % 2]}")
    (tmp_path / "notes.txt").write_text("no picture")
    return tmp_path


def test_subfolders_are_labels_and_a_share_of_the_pictures_tests(pictures):
    raw = fetched(pictures, channels=1, test_share=0.2)
    assert raw.images.shape == (20, 8, 8, 1)
    assert np.bincount(raw.labels).tolist() == [10, 10]
    assert raw.provenance["classes"] == ["cat", "dog"]
    assert np.bincount(raw.split).tolist() == [16, 4]
    exact = np.asarray(Image.open(pictures / "cat/3.bmp"))
    assert any(np.array_equal(exact, image[..., 0]) for image in raw.images)


def test_names_do_not_matter_but_every_byte_does(pictures):
    before = fetched(pictures, channels=1)
    (pictures / "cat/3.bmp").rename(pictures / "cat/other.bmp")
    after = source.fetch(settings(pictures, channels=1, digest=before.provenance["digest"]), "cats")
    assert np.array_equal(before.images, after.images)
    Image.new("L", (8, 8)).save(pictures / "cat/other.bmp")
    with pytest.raises(SourceError, match=r"holds 20 pictures with .*\n.*download cats --accept"):
        source.fetch(settings(pictures, digest=before.provenance["digest"]), "cats")


def one(path, picture: Image.Image, name: str = "a.png", **more) -> np.ndarray:
    """What becomes of `picture`, beside a black one."""
    path.mkdir()
    picture.save(path / name)
    Image.new("L", (8, 8), 0).save(path / "black.png")
    images = fetched(path, **more).images
    return images[0] if images[0].any() else images[1]


def test_proportions_are_kept_or_not_as_asked(tmp_path):
    wide = Image.new("L", (16, 8), 255)
    wide.paste(90, (0, 0, 4, 8))  # the left quarter, which a crop to 8 x 8 takes away
    cropped = one(tmp_path / "a", wide, resize="crop", channels=1)
    squeezed = one(tmp_path / "b", wide, resize="stretch", channels=1)
    assert (cropped == 255).all()
    assert squeezed[4, 0, 0] < 100 and squeezed[4, 7, 0] == 255


def test_transparent_turned_and_deep_pictures(tmp_path):
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    assert (one(tmp_path / "clear", clear) == 255).all()  # on white

    turned = Image.new("L", (8, 8), 10)
    turned.paste(200, (0, 0, 8, 4))  # the upper half
    exif = Image.Exif()
    exif[0x0112] = 3  # held upside down
    (tmp_path / "turned").mkdir()
    turned.save(tmp_path / "turned/a.png", exif=exif)
    Image.new("L", (8, 8), 0).save(tmp_path / "turned/b.png")
    image = max(fetched(tmp_path / "turned", channels=1).images, key=np.sum)
    assert image[0, 0, 0] == 10 and image[7, 0, 0] == 200

    deep = Image.fromarray(np.full((8, 8), 65535 // 2, np.uint16))
    assert np.abs(one(tmp_path / "deep", deep, channels=1).astype(int) - 127).max() <= 1


def test_a_file_that_is_no_picture_is_named(pictures):
    (pictures / "cat/broken.png").write_bytes(b"not a png")
    with pytest.raises(
        SourceError, match=r"broken\.png: cannot be read as a picture.*remove it from the folder"
    ):
        fetched(pictures)


def test_all_files_that_are_no_pictures_are_named_at_once(pictures, monkeypatch):
    monkeypatch.setattr(source, "DAMAGED_NAMED", 2)
    for name in "cab":
        (pictures / f"{name}.png").write_bytes(b"not a png")
    named = (
        rf"3 pictures cannot be read\..*\n  {pictures}/a\.png\n  {pictures}/b\.png\n  and 1 more$"
    )
    with pytest.raises(SourceError, match=named):
        fetched(pictures)


def test_a_missing_or_empty_folder_is_named(tmp_path):
    with pytest.raises(SourceError, match="is not a folder"):
        source.fetch(settings(tmp_path / "nowhere"), "cats")
    with pytest.raises(SourceError, match="holds 0 pictures; formats are"):
        source.fetch(settings(tmp_path), "cats")


def test_more_pictures_than_can_be_held_are_refused_before_they_are_read(pictures, monkeypatch):
    monkeypatch.setattr(source.own, "LARGEST_DATASET_BYTES", 1000)
    monkeypatch.setattr(source, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(SourceError, match=r"20 images of .* take more than"):
        fetched(pictures)


def test_the_digest_is_another_one_once_a_picture_is_in_another_class(pictures):
    before = source.found(settings(pictures))[0]
    (pictures / "cat/3.bmp").rename(pictures / "dog/other.bmp")
    assert source.found(settings(pictures))[0] != before


def test_a_picture_in_two_classes_comes_in_the_order_of_their_names(pictures, monkeypatch):
    (pictures / "dog/copy.png").write_bytes((pictures / "cat/0.png").read_bytes())
    labels = fetched(pictures).labels
    found = source.pictures
    monkeypatch.setattr(source, "pictures", lambda *given: found(*given)[::-1])
    assert fetched(pictures).labels.tolist() == labels.tolist()


def test_hidden_folders_are_no_classes_and_links_to_folders_elsewhere_are(pictures, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    for name in (".checkpoints", "bird"):
        (root / name).mkdir()
        Image.new("L", (8, 8), len(name)).save(root / name / "a.png")
    (root / "cat").symlink_to(pictures / "cat")
    (root / "again").symlink_to(root / "bird")
    (root / "cat/up").symlink_to(root)  # a loop
    raw = fetched(root)
    assert raw.class_names == ("bird", "cat") and len(raw.images) == 11


@pytest.mark.parametrize(
    ("pixels", "level"), [(np.float32(0.5), 128), (np.float32(25), 25), (np.int32(65535), 255)]
)
def test_floats_and_whole_numbers_are_scaled_by_what_white_can_be(tmp_path, pixels, level: int):
    picture = Image.fromarray(np.full((8, 8), pixels))
    assert (one(tmp_path / "a", picture, "a.tif", channels=1) == level).all()


def test_pixels_brighter_than_any_white_are_refused(tmp_path):
    picture = Image.fromarray(np.full((8, 8), 65536, np.int32))
    with pytest.raises(SourceError, match="pixels of 65536, and white is 65535 at most"):
        one(tmp_path / "a", picture, "a.tif")
