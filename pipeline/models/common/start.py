"""Nets that start with the weights of another run's model instead of random ones."""

from collections.abc import Mapping

from torch import Tensor, nn

from pipeline.errors import TrainingError

State = Mapping[str, Tensor]


def under(tensors: State | None, prefix: str) -> State | None:
    """Of a model file's tensors those of one net, whose names begin with `prefix`; None for a random start."""
    if tensors is None:
        return None
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def take(net: nn.Module, state: State) -> None:
    """Give `net` the weights and buffers of `state`; TrainingError with the first that does not fit."""
    own = net.state_dict()
    for name in dict.fromkeys([*own, *state]):
        needed, found = (
            list(tensors[name].shape) if name in tensors else "no such tensor"
            for tensors in (own, state)
        )
        if needed != found:
            raise TrainingError(
                f"the model that this run starts from has other nets: of {name} it has {found}, and this run {needed}. "
                "Its data may have other classes or other images; start from another run, or leave `from` out"
            )
    net.load_state_dict(state)
