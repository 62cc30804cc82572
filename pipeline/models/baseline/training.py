"""What a baseline takes from the training images."""

from functools import partial

import torch
from torch import Tensor

from pipeline.compute.parallel import ALONE, World
from pipeline.compute.streams import Streams, generator
from pipeline.config.models.baseline.train import KMeans, Pixels, Train
from pipeline.models.baseline import k_means
from pipeline.models.common import learner
from pipeline.models.common.batches import Batches
from pipeline.models.common.binary import to_images

# Shapes: N training images, K images kept; images are CHW.


class Training:
    """One of models/common/loop.py: each step sees all training images."""

    precision = "float32"

    def __init__(
        self,
        settings: Train,
        seed: int,
        images_NCHW: Tensor,
        device: torch.device,
        labels_N: Tensor | None = None,
        world: World = ALONE,
        start: None = None,
    ):
        """`images_NCHW`: float32 training images in [-1, 1]; `labels_N`: int64, only counted; `start`: these have no
        weights to start from. TrainingError if there are fewer images than are to be kept."""
        learner.check_images(settings, images_NCHW)
        self.settings = settings
        self.seed = seed
        self.device = device
        self.world = world
        self.image_shape = tuple(images_NCHW.shape[1:])
        self.classes = 0 if labels_N is None else int(labels_N.max()) + 1
        self.step = 0
        self.snapshots: dict[str, Tensor] = {}  # of points only
        self.streams = Streams(seed, device)
        self.batches = Batches(images_NCHW, None, len(images_NCHW), self.streams["data"], device)
        self.kept_KCHW = self.start(images_NCHW)

    def start(self, images_NCHW: Tensor) -> Tensor:
        """Training images chosen at random; of `pixels` a grey one."""
        if isinstance(self.settings.baseline, Pixels):
            return torch.zeros_like(images_NCHW[:1])
        chosen = torch.randperm(len(images_NCHW), generator=self.streams["init"])
        return images_NCHW[chosen[: self.settings.kept]].clone()

    @property
    def steps(self) -> int:
        return self.settings.steps

    def advance(self) -> dict[str, float]:
        """A step of k-means; the mean of all images; images stay as they are."""
        images_NCHW = self.batches.images
        loss = 0.0
        match self.settings.baseline:
            case KMeans():
                kept_KD, loss = k_means.step(images_NCHW.flatten(1), self.kept_KCHW.flatten(1))
                self.kept_KCHW = kept_KD.view_as(self.kept_KCHW)
            case Pixels():
                # Laplace's rule: no pixel is certain, however many images agree
                total_CHW = ((images_NCHW + 1) / 2).sum(0)
                self.kept_KCHW = to_images((total_CHW + 1) / (len(images_NCHW) + 2))[None]
                loss = (images_NCHW - self.kept_KCHW).flatten(1).square().sum(1).mean().item()
        self.step += 1
        return {"loss": loss}

    def measure(self, seen: dict[str, float]) -> dict[str, float]:
        """loss: mean squared distance of a training image to the image that stands for it, pixels in [-1, 1]."""
        return {"step": self.step, "images": self.images(self.step), **seen}

    def images(self, step: int) -> int:
        """How many images were looked at in `step` steps."""
        return self.batches.images_in(step)

    def draw(self, count: int) -> Tensor:
        """[count, C, H, W] in [-1, 1]: the same places among what is kept every time."""
        rows = torch.randint(len(self.kept_KCHW), (count,), generator=generator(self.seed, "grid"))
        return self.kept_KCHW[rows]

    def weights(self) -> dict[str, Tensor]:
        """Content of the model file."""
        return {"net.images": self.kept_KCHW}

    def state_dict(self) -> dict:
        return {"step": self.step, "kept": self.kept_KCHW}

    def load_state_dict(self, state: dict) -> None:
        self.step, self.kept_KCHW = state["step"], state["kept"]

    def go_back(self, state: dict) -> None:
        self.load_state_dict(state)


trainings = partial(learner.trainings, Training)
