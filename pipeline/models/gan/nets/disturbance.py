"""What disturbs every hidden layer of a generator, by its settings."""

from torch import Generator

from pipeline.config.models.gan.nets import GeneratorNet
from pipeline.models.common.layers import NoiseAndDropout


def noise_and_dropout(net: GeneratorNet, stream: Generator) -> NoiseAndDropout:
    """Tips 13 and 17 as `net` asks for them; `stream`: of the numbers drawn."""
    return NoiseAndDropout(
        net.noise_std,
        net.dropout,
        stream,
        noise_when_sampling=net.noise_when_sampling,
        dropout_when_sampling=net.dropout_when_sampling,
    )
