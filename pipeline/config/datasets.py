"""`datasets:` of params.yaml: where images come from, how they are split, and who may have them.

Each source carries the `licence` of its images, in the publisher's words where there are any, and `may_share`:
whether they may be given to others.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from pipeline.config.base import MOST, Positive, Reproducible, Scale, Section, Seed

# of a file or folder; the longest that Linux takes
PathText = Annotated[str, Field(min_length=1, max_length=4095, pattern=r"^[^\x00]+$")]


class Mnist(Section):
    """70,000 handwritten digits, 28 x 28, grey."""

    licence: ClassVar[str] = "CC BY-SA 3.0 (Y. LeCun and C. Cortes)"  # as Keras quotes it
    may_share: ClassVar[bool] = True
    name: Literal["mnist"]
    local: PathText | None = (
        None  # folder with the four IDX files (.gz or not), tried before the network
    )


class FashionMnist(Section):
    """70,000 articles of clothing in ten classes, 28 x 28, grey."""

    licence: ClassVar[str] = "MIT (Zalando SE)"
    may_share: ClassVar[bool] = True
    name: Literal["fashion_mnist"]
    local: PathText | None = None  # folder with the four IDX files (.gz or not)


class Kmnist(Section):
    """70,000 cursive hiragana in ten classes, 28 x 28, grey."""

    licence: ClassVar[str] = (
        "CC BY-SA 4.0 (CODH; adapted from the Kuzushiji Dataset of NIJL and others)"
    )
    may_share: ClassVar[bool] = True
    name: Literal["kmnist"]
    local: PathText | None = None  # folder with the four IDX files, gzipped as they are published


class Svhn(Section):
    """99,289 digits of house numbers in ten classes, 32 x 32, colour; without the extra training images."""

    licence: ClassVar[str] = "for non-commercial use only (Y. Netzer et al., 2011)"
    may_share: ClassVar[bool] = True
    name: Literal["svhn"]
    local: PathText | None = None  # folder with train_32x32.mat and test_32x32.mat


class Cifar10(Section):
    """60,000 photographs in ten classes, 32 x 32, colour."""

    licence: ClassVar[str] = "none stated; cite A. Krizhevsky, 2009"
    may_share: ClassVar[bool] = True
    name: Literal["cifar10"]
    local: PathText | None = None  # folder with cifar-10-python.tar.gz or cifar-10-binary.tar.gz


class Cifar100(Section):
    """60,000 photographs in a hundred classes, 32 x 32, colour."""

    licence: ClassVar[str] = "none stated; cite A. Krizhevsky, 2009"
    may_share: ClassVar[bool] = True
    name: Literal["cifar100"]
    local: PathText | None = None  # folder with cifar-100-python.tar.gz


class Tfd(Section):
    """102,236 faces, 48 x 48, grey; 4,178 with one of seven expressions, in five folds."""

    licence: ClassVar[str] = "given out on request; must not be passed on"
    may_share: ClassVar[bool] = False
    name: Literal["tfd"]
    path: PathText  # TFD_48x48.mat, which its makers give out
    fold: Annotated[int, Field(ge=0, le=4)] = (
        0  # that gives the validation and test images; parzen uses all five
    )


SMALLEST_SIDE, LARGEST_SIDE = 4, 1024  # pixels of the user's own images


class OwnImages(Section):
    """The user's own images: what all sources of them ask for."""

    may_share: ClassVar[bool] = True
    path: PathText
    digest: str | None = None  # of all pictures; `download` says which value to set
    height: Annotated[int, Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]
    width: Annotated[int, Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)]
    channels: Literal[1, 3] = 3
    test_share: Annotated[float, Field(gt=0, lt=1)] = 0.1
    # under which you share them
    licence: Annotated[str, Field(min_length=1, max_length=300)] = "not stated"


class Folder(OwnImages):
    """A folder of pictures; each sub-folder with pictures is a class, if there are two or more."""

    name: Literal["folder"]
    # crop keeps the aspect ratio and cuts the centre out; stretch does not keep it
    resize: Literal["crop", "stretch"] = "crop"


class Zip(OwnImages):
    """A zip of pictures of one size, with labels in dataset.json, as the tools of StyleGAN write it."""

    name: Literal["zip"]


class Npz(OwnImages):
    """Arrays `images` [N, H, W, C] and `labels` [N], or `arr_0` and `arr_1`, in a .npz file."""

    name: Literal["npz"]


class Parquet(OwnImages):
    """A parquet file, or a folder of them, with a column of pictures of one size, as the `datasets` library writes it."""

    name: Literal["parquet"]
    image_column: Annotated[str, Field(min_length=1, max_length=200)] = "image"
    label_column: Annotated[str, Field(min_length=1, max_length=200)] = (
        "label"  # there may be none of that name
    )


class Digits(Section):
    """1,797 handwritten digits, 8 x 8, grey; they come with scikit-learn, no network needed."""

    licence: ClassVar[str] = "CC BY 4.0 (E. Alpaydin and C. Kaynak, UCI)"
    may_share: ClassVar[bool] = True
    name: Literal["digits"]


class MixturePoints(Section):
    """Points of a mixture of equally likely Gaussians whose density is known."""

    licence: ClassVar[str] = "none needed: drawn here"
    may_share: ClassVar[bool] = True
    name: Literal["mixture"]
    means: Annotated[
        tuple[Annotated[tuple[float, ...], Field(strict=False)], ...], Field(strict=False)
    ]
    # float32 resolves 6e-8 near 1: the points of a much narrower component would coincide
    std: Annotated[float, Field(ge=1e-5)]
    train_points: Positive = 50_000
    # `metrics` compares points with their five nearest neighbours
    test_points: Annotated[int, Field(ge=6, le=MOST)] = 10_000
    seed: Seed = 0

    @model_validator(mode="after")
    def components_fit_the_range(self) -> Self:
        if not self.means:
            raise ValueError("means is empty; give one list of 1 or 2 coordinates at least")
        dims = {len(mean) for mean in self.means}
        if dims not in ({1}, {2}):
            raise ValueError(f"means have {sorted(dims)} coordinates; all must have 1, or all 2")
        reach = max(abs(value) for mean in self.means for value in mean) + 6 * self.std
        if reach > 1:
            raise ValueError(
                f"|mean| + 6 std is {reach:.3g}; it must stay within 1 (data lie in [-1, 1])"
            )
        return self


Source = Annotated[
    Mnist
    | FashionMnist
    | Kmnist
    | Svhn
    | Cifar10
    | Cifar100
    | Tfd
    | Folder
    | Zip
    | Npz
    | Parquet
    | Digits
    | MixturePoints,
    Field(discriminator="name"),
]


# numbers of training and test images, of the sources where they are fixed
IMAGES = {
    "mnist": (60_000, 10_000),
    "fashion_mnist": (60_000, 10_000),
    "kmnist": (60_000, 10_000),
    "svhn": (73_257, 26_032),
    "cifar10": (50_000, 10_000),
    "cifar100": (50_000, 10_000),
    "digits": (1_500, 297),
}


# channels, height and width of the images, of the sources where they are fixed
SHAPES = {
    "mnist": (1, 28, 28),
    "fashion_mnist": (1, 28, 28),
    "kmnist": (1, 28, 28),
    "svhn": (3, 32, 32),
    "cifar10": (3, 32, 32),
    "cifar100": (3, 32, 32),
    "tfd": (1, 48, 48),
    "digits": (1, 8, 8),
}


class Normalize(Section):
    """Scaling of the pixels, and the split of the published training images."""

    # the last of the training images; authors: 10,000 of MNIST's 60,000 and of CIFAR-10's 50,000
    validation_images: Positive | None = None
    # global contrast normalisation instead of [-1, 1]: every image has mean 0 and this L2 norm
    gcn: Scale | None = None  # authors on CIFAR-10: 55


class Dataset(Section):
    """One entry of `datasets:`: a source and what is done with its images."""

    source: Source
    normalize: Normalize
    # instead of the source's own; where false, `share` keeps the images here
    may_share: bool | None = None
    # of the features that the metrics compare: the same bits here, or on every x86-64 processor with AVX2
    reproducible: Reproducible = "here"

    @model_validator(mode="after")
    def validation_images_come_from_one_place(self) -> Self:
        given = self.normalize.validation_images
        if isinstance(self.source, Tfd) and given is not None:
            raise ValueError("TFD's folds say which images validate; leave validation_images out")
        if not isinstance(self.source, Tfd) and given is None:
            raise ValueError("normalize.validation_images is missing; it is required")
        if self.reproducible == "anywhere" and self.normalize.gcn is not None:
            raise ValueError(
                "reproducible: anywhere does not go with normalize.gcn, whose sums are rounded by the processor; "
                "leave one of them out"
            )
        if isinstance(self.source, MixturePoints) and self.normalize.gcn is not None:
            raise ValueError("normalize.gcn is for images, not for points of a mixture")
        return self

    @model_validator(mode="after")
    def images_are_left_to_train_on(self) -> Self:
        count = self.training_images
        if count is not None and count < 2:
            raise ValueError(
                f"normalize.validation_images is {self.normalize.validation_images:,}, but the source has "
                f"{self.images[0]:,} training images; leave 2 or more to train on"  # type: ignore[index]
            )
        return self

    @property
    def is_shared(self) -> bool:
        """Whether `share` gives the images to the team."""
        return self.source.may_share if self.may_share is None else self.may_share

    @property
    def published_as(self) -> str:
        """The source whose published numbers its images' may stand beside; "" if they are not of their range."""
        return str(self.source.name) if self.normalize.gcn is None else ""

    @property
    def images(self) -> tuple[int, int] | None:
        """Numbers of training images (validation included) and of test images; None if only the file tells."""
        if isinstance(self.source, MixturePoints):
            return self.source.train_points, self.source.test_points
        return IMAGES.get(self.source.name)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height and width of the images; a point of a mixture is an image of one pixel."""
        match self.source:
            case MixturePoints(means=means):
                return len(means[0]), 1, 1
            case OwnImages(channels=channels, height=height, width=width):
                return channels, height, width
        return SHAPES[self.source.name]

    @property
    def training_images(self) -> int | None:
        """Number of images to train on, without those for validation; None if only the file tells."""
        if self.images is None or self.normalize.validation_images is None:
            return None
        return self.images[0] - self.normalize.validation_images
