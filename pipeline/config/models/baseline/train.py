"""`runs.R.train` of a baseline: a set of grey images, one of which is drawn."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.config.base import Positive, Reproducible, Section


class Images(Section):
    """Training images themselves: what the best measure of samples would call perfect, or a thief."""

    name: Literal["images"]
    count: Positive = 10_000  # the paper's number of samples

    steps: ClassVar[int] = 1


class KMeans(Section):
    """Centroids of k-means, which Parzen's estimate prefers to real images (Theis et al. 2016)."""

    name: Literal["k_means"]
    centroids: Positive = 10_000
    steps: Positive = 5  # of Lloyd's algorithm, from training images; our configuration


class Pixels(Section):
    """The mean image: as states, pixels that know nothing of each other. Its likelihood is exact."""

    name: Literal["pixels"]

    steps: ClassVar[int] = 1


class Train(Section):
    """Settings of a baseline, which goes through the same stages as a model."""

    family: ClassVar[str] = "baseline"  # of pipeline.models.FAMILIES
    nets: ClassVar[tuple[str, ...]] = ()  # none that another training could go on from
    devices: ClassVar[int] = 1
    compile: ClassVar[bool] = False
    ema: ClassVar[None] = None
    precision: ClassVar[str] = "float32"
    # every step sees all images, so each has its row of training.tsv and its picture
    log_steps: ClassVar[int] = 1
    grid_steps: ClassVar[int] = 1

    baseline: Annotated[Images | KMeans | Pixels, Field(discriminator="name")]
    device: Literal["cpu"] = "cpu"
    # the same bits here, or on every x86-64 processor with AVX2, which takes longer
    reproducible: Reproducible = "here"

    @property
    def steps(self) -> int:
        return self.baseline.steps

    @property
    def kept(self) -> int:
        """How many images the model file holds."""
        match self.baseline:
            case Images(count=count) | KMeans(centroids=count):
                return count
        return 1

    def check_images(self, shape: tuple[int, ...], bounded: bool, count: int | None) -> None:
        """ValueError that names the key, if images [C, H, W] do not suit these settings. `bounded`: pixels lie
        in [-1, 1]; `count`: of training images, None where it is known to nobody yet."""
        if shape[-2:] == (1, 1):
            raise ValueError("a baseline is for images; for points use model: gan")
        if not bounded:
            raise ValueError(
                "a baseline needs pixels in [-1, 1], and the dataset is contrast-normalised (gcn)"
            )
        if count is None:
            return
        match self.baseline:
            case Images(count=kept) if kept > count:
                raise ValueError(
                    f"baseline.count is {kept:,}, but there are {count:,} training images"
                )
            case KMeans(centroids=kept) if kept >= count:
                raise ValueError(
                    f"baseline.centroids is {kept:,}, but there are {count:,} training images, and each "
                    "would be its own centroid; set it lower"
                )

    def memory(self, pixels: int) -> dict[str, float]:
        """Float32 numbers in memory at once, at least, by the key that they grow with."""
        return {"baseline": float(self.kept * pixels)}
