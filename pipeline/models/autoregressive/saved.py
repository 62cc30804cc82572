"""A trained fully visible belief net, put together again from what its model file holds."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from pipeline.compute.streams import generator
from pipeline.config.models.autoregressive.train import Train
from pipeline.models.autoregressive import drawing, nets
from pipeline.models.common import binary
from pipeline.models.common.likelihood import Likelihood
from pipeline.models.common.saved import SavedModel, Walk

BLOCK = 500  # images whose likelihood is computed at a time
WALKS, COMPLETIONS = 4, 8  # of the figure of completed images


class Saved(SavedModel):
    """Draws pixel by pixel; its likelihood is exact."""

    settings = Train
    main_view: ClassVar = "means"
    views: ClassVar = ("states",)
    train: Train

    @property
    def passes_per_image(self) -> int:
        """Dependent steps, of which each waits for the one before it."""
        return self.pixels

    def net(self, weights: str) -> nn.Module:
        """The net in evaluation mode; DataError if the file lacks its weights."""
        stream = generator(self.seed, "sample layers")
        net = nets.net_of(self.train.net, self.pixels, self.image_shape[-1], stream)
        net.load_state_dict(self.state(weights))
        return net.eval()

    def samples(
        self, weights: str, count: int, batch_size: int, seed: int
    ) -> Iterator[tuple[Tensor, ...]]:
        """means: p(x_i = 1 | the drawn pixels before it), the conditional means that papers print for such models.
        states: the bits that were drawn with these probabilities. Both are brought to [-1, 1]."""
        net, stream = self.net(weights), generator(seed, "sample")
        for start in range(0, count, batch_size):
            size = min(batch_size, count - start)
            states_BD, means_BD = drawing.draw(net, size, self.pixels, stream)
            yield tuple(
                binary.to_images(x_BD).view(size, *self.image_shape)
                for x_BD in (means_BD, states_BD)
            )

    def likelihood(self, weights: str) -> Likelihood:
        """Of the bits that every run is evaluated on; see models/common/binary.py."""
        net = self.net(weights)

        @torch.no_grad()
        def of(images_NCHW: Tensor, name: str) -> Tensor:
            bits_ND = binary.once(images_NCHW, self.train.binarize, name).flatten(1)
            return torch.cat([drawing.log_likelihood(net, part) for part in bits_ND.split(BLOCK)])

        return Likelihood("exact", "binarised", f"bits: {self.train.binarize}", of)

    @torch.no_grad()
    def walk(self, weights: str, test_NCHW: Tensor) -> Walk:
        """Completions: the upper half of a test image, and the lower half drawn given it."""
        net, stream = self.net(weights), generator(0, "completions")
        bits_ND = binary.once(test_NCHW[:WALKS], self.train.binarize, "test").flatten(1)
        given_ND = bits_ND[:, : self.pixels // 2]
        many_BD = given_ND.repeat_interleave(COMPLETIONS, dim=0)
        drawn_BD, _ = drawing.draw(net, len(many_BD), self.pixels, stream, many_BD)
        half_ND = torch.full_like(bits_ND, 0.5)
        half_ND[:, : self.pixels // 2] = given_ND
        rows = [
            torch.stack([image, half, *drawn])
            for image, half, drawn in zip(
                bits_ND, half_ND, drawn_BD.split(COMPLETIONS), strict=True
            )
        ]
        return Walk(
            binary.to_images(torch.stack(rows)).unflatten(2, self.image_shape),
            "a test image, its upper half, and the rest of it drawn pixel by pixel",
        )
