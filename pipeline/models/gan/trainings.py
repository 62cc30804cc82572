"""The trainings of one run, in their order: a pretraining where one is asked for, then the run itself."""

from collections.abc import Iterator

import torch
from torch import Tensor

from pipeline.compute.parallel import ALONE, World
from pipeline.config.models.gan.train import Train
from pipeline.models.common.start import State
from pipeline.models.gan import pretraining
from pipeline.models.gan.training import Training


def trainings(
    settings: Train,
    seed: int,
    images_NCHW: Tensor,
    device: torch.device,
    labels_N: Tensor | None = None,
    world: World = ALONE,
    start: State | None = None,
) -> Iterator[tuple[str, Training]]:
    """Each training with its name, empty for the run itself. Bring one to its end before asking for the next.

    If the pretraining was stopped there is no next one: its samples are the result and show why. Arguments
    as of `Training`.
    """
    if settings.pretraining is None:
        yield "", Training(settings, seed, images_NCHW, device, labels_N, world, start=start)
        return
    first_settings, first_seed = pretraining.first_game(settings), pretraining.first_seed(seed)
    first = Training(first_settings, first_seed, images_NCHW, device, labels_N, world)
    yield "pretraining", first
    if first.step == first.steps:
        weights = first.sampler(raw=True).body.state_dict()
        last_layers = pretraining.behind(settings.pretraining.front, weights)
        yield "", Training(settings, seed, images_NCHW, device, labels_N, world, last_layers)
