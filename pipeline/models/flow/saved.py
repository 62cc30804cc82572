"""A trained flow, put together again from what its model file holds."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.compute.streams import generator
from pipeline.config.models.flow.train import Train
from pipeline.models.common import levels
from pipeline.models.common.likelihood import Likelihood
from pipeline.models.common.saved import SavedModel, Walk
from pipeline.models.flow import pixels
from pipeline.models.flow.net import Flow

BLOCK = 500  # images at a time
DRAWS = 4  # of the dequantisation of each image; their mean is its log-likelihood
OUTSIDE = 2_000  # samples of which those outside of [0, 1] are counted
WALKS, STEPS = 4, 10  # of the figure between two images


class Saved(SavedModel):
    """Draws an image in one pass; its likelihood is exact."""

    settings = Train
    train: Train
    passes_per_image = 1

    def net(self, weights: str) -> Flow:
        """The net in evaluation mode; DataError if the file lacks its weights."""
        net = Flow(self.train.flow, self.pixels)
        net.load_state_dict(self.state(weights))
        return net.eval()

    @torch.no_grad()
    def samples(
        self, weights: str, count: int, batch_size: int, seed: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """Images of 256 levels; numbers outside of [0, 1] become the nearest level."""
        net, stream = self.net(weights), generator(seed, "sample")
        for start in range(0, count, batch_size):
            x_BD = net.draw(min(batch_size, count - start), stream)
            yield (levels.quantized(x_BD, self.image_shape),)

    def likelihood(self, weights: str) -> Likelihood:
        """Of the density on [0, 1]^D of dequantised images, the mean over `DRAWS` dequantisations of each.

        Beside it the largest |f^-1(f(x)) - x| of BLOCK test images, and the share of pixels, and of samples with a
        pixel, outside of [0, 1], where there are no images.
        """
        net = self.net(weights)

        @torch.no_grad()
        def of(images_NCHW: Tensor, name: str) -> Tensor:
            stream = generator(0, f"dequantisation of {name} images")
            means = []
            for part in images_NCHW.split(BLOCK):
                drawn = [net(levels.drawn(part, stream)).double() for _ in range(DRAWS)]
                means.append(torch.stack(drawn).mean(dim=0))
            return torch.cat(means)

        @torch.no_grad()
        def measure(test_NCHW: Tensor) -> dict[str, float]:
            x_BD = levels.drawn(test_NCHW[:BLOCK], generator(0, "dequantisation"))
            drawn_BD = net.draw(OUTSIDE, generator(0, "outside"))
            outside_BD = pixels.outside(drawn_BD).float()
            return {
                "inversion_error": net.inversion_error(x_BD),
                "pixels_outside": round(outside_BD.mean().item(), 4),
                "images_outside": round(outside_BD.amax(dim=1).mean().item(), 4),
            }

        how = f"mean of {DRAWS} draws of the dequantisation"
        return Likelihood("exact", "dequantised", how, of, measure=measure)

    @torch.no_grad()
    def walk(self, weights: str, test_NCHW: Tensor) -> Walk:
        """Lines between test images in the space of the base; both ends come back as they were."""
        net = self.net(weights)
        x_BD = levels.drawn(test_NCHW[: 2 * WALKS], generator(0, "dequantisation"))
        y_BD, _ = net.to_base(x_BD)
        along_S1 = torch.linspace(0, 1, STEPS)[:, None]
        rows = [
            levels.quantized(net.from_base(torch.lerp(a, b, along_S1)), self.image_shape)
            for a, b in y_BD.split(2)
        ]
        return Walk(torch.stack(rows), "between two test images, straight in the space of the base")
