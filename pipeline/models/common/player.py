"""A net with its weights, its optimiser and its schedule: one of the two players."""

import itertools
from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.compute import devices
from pipeline.compute.parallel import ALONE, GlobalBatchNorm, World
from pipeline.compute.scaling import LossScale
from pipeline.config.models.common.optimizers import Adam, Optimizer
from pipeline.models.common import optimizers
from pipeline.models.common.layers import ConditionalBatchNorm, Hidden
from pipeline.models.common.optimizers import VectorAdam, may_be_apart


class Player:
    """Keeps all weights of `net` as one vector, so that an update is a few passes over memory.

    Products in bf16 or fp16 use copies of the weight matrices, renewed after each update; the vector,
    its gradient and the optimiser's state are float32 always. Biases and gains are views of the vector.
    """

    def __init__(
        self,
        net: nn.Module,
        optimizer: Optimizer,
        precision: str = "float32",
        max_column_norm: float | None = None,
        world: World = ALONE,
        scale: LossScale | None = None,
        max_weight: float | None = None,
    ):
        """`scale`: of the losses in fp16, one for all players of a game; `max_weight`: limit of every weight's size,
        biases included."""
        self.net = net
        self.settings = optimizer
        self.world = world
        self.scale = scale
        self.params = list(net.parameters())
        self.vector = nn.Parameter(torch.cat([p.detach().flatten() for p in self.params]))
        self.vector.grad = torch.zeros_like(self.vector)
        self.views = split(self.vector.detach(), self.params)
        self._gradients = split(self.vector.grad, self.params)
        low = devices.LOW.get(precision)
        added = {id(p) for name, p in net.named_parameters() if name.split(".")[-1] == "bias"}
        of_norms = {
            id(gain)
            for layer in net.modules()
            if isinstance(layer, ConditionalBatchNorm)
            for gain in layer.parameters()
        }
        self._low = [
            low is not None and p.dim() > 1 and id(p) not in added | of_norms for p in self.params
        ]
        for param, view, is_low in zip(self.params, self.views, self._low, strict=True):
            param.data = view.to(low) if is_low else view
        self.optimizer = optimizers.build(optimizer, self.vector)
        self._apart = self._read_where_they_lie()
        self.max_column_norm = max_column_norm
        self.max_weight = max_weight
        self._connected = [
            view
            for param, view in zip(self.params, self.views, strict=True)
            if any(layer.weight is param for layer in net.modules() if isinstance(layer, nn.Linear))
        ]
        self._decayed = self._before_norms()
        self._limit()
        self._renew()

    def __call__(self, *inputs: Tensor | None) -> Tensor:
        return self.net(*inputs)

    def scaled(self, loss: Tensor) -> Tensor:
        """`loss`, in fp16 times the loss scale: the number to differentiate."""
        return loss if self.scale is None else self.scale(loss)

    def step(self, gradients: Sequence[Tensor] | None) -> None:
        """One step of the optimiser along `gradients` of a scaled loss, one for each of `params`; none when None.

        On several devices: along their mean over the ranks. Changes the weights in place. In fp16 there is no
        step if the gradients overflowed.
        """
        assert self.vector.grad is not None
        if gradients is None:
            self._wait()
            return
        if isinstance(self.optimizer, VectorAdam):
            self.optimizer.apart = [
                (start, gradients[index].reshape(-1)) for index, start in self._apart.items()
            ]
        copied = [index for index in range(len(self.params)) if index not in self._apart]
        torch._foreach_copy_([self._gradients[i] for i in copied], [gradients[i] for i in copied])
        self.world.average(self.vector.grad)
        if self.scale is not None and not self.scale.unscale(self.vector.grad):
            self.vector.grad.zero_()  # no step, and none in the log
            return
        self._decay()
        self.optimizer.step()
        self._limit()
        self._renew()

    def _wait(self) -> None:
        """The log has no gradient of it, as no checkpoint has the one of an earlier step."""
        assert self.vector.grad is not None
        if isinstance(self.optimizer, VectorAdam):
            self.optimizer.apart = []
        self.vector.grad.zero_()

    def before_each_step(self, change: Callable[[], None]) -> None:
        """Call `change`, which may add to the gradients in place, before each step of the optimiser; in float32."""
        self._apart = {}

        def hook(*_: object) -> None:
            with torch.autocast(self.vector.device.type, enabled=False):
                change()

        self.optimizer.register_step_pre_hook(hook)

    def _read_where_they_lie(self) -> dict[int, int]:
        """Gradients that the optimiser takes from autograd without a copy: index in `params` -> place in the vector.

        Not where the whole vector is averaged or unscaled first, nor from 16 bits.
        """
        if not isinstance(self.optimizer, VectorAdam) or self.world.ranks > 1 or self.scale:
            return {}
        sizes = [p.numel() for p in self.params]
        places = zip(itertools.accumulate(sizes, initial=0), sizes, self._low, strict=False)
        return {
            index: start
            for index, (start, size, low) in enumerate(places)
            if may_be_apart(start, size) and not low
        }

    def _before_norms(self) -> list[Tensor]:
        """Views of the matrices and kernels whose outputs a norm scales, if those alone decay."""
        if not (isinstance(self.settings, Adam) and self.settings.decays_before_norms):
            return []
        found = {
            id(weight)
            for layer in self.net.modules()
            if isinstance(layer, Hidden) and not isinstance(layer.norm, nn.Identity)
            for weight in layer.linear.parameters()
            if weight.dim() > 1
        }
        return [
            view for param, view in zip(self.params, self.views, strict=True) if id(param) in found
        ]

    @torch.no_grad()
    def _decay(self) -> None:
        """Shrink them as AdamW shrinks all weights: by the share lr * weight_decay, before its step."""
        if self._decayed and isinstance(self.settings, Adam):
            rate = self.optimizer.param_groups[0]["lr"]
            torch._foreach_mul_(self._decayed, 1 - rate * self.settings.weight_decay)

    @torch.no_grad()
    def _limit(self) -> None:
        """Clip all weights to the size allowed; scale those into each unit (each piece of a maxout unit) down to the
        largest norm allowed."""
        if self.max_weight is not None:
            self.vector.clamp_(-self.max_weight, self.max_weight)
        if self.max_column_norm is None:
            return
        for weight_UI in self._connected:
            norm_U1 = torch.linalg.vector_norm(weight_UI, dim=1, keepdim=True)
            # the authors' divisor is safe against 0 by 1e-7
            weight_UI.mul_(norm_U1.clamp_max(self.max_column_norm) / (norm_U1 + 1e-7))

    def _renew(self) -> None:
        copies = [p.data for p, low in zip(self.params, self._low, strict=True) if low]
        if copies:
            views = [view for view, low in zip(self.views, self._low, strict=True) if low]
            torch._foreach_copy_(copies, views)

    def schedule(self, step: int, steps: int, epoch: int, factor: float = 1.0) -> None:
        """Set the learning rate, times `factor`, of update `step` of `steps`, and the momentum of `epoch`."""
        optimizers.schedule(self.optimizer, self.settings, step, steps, epoch, factor)

    def weights_and_gradients(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Of each of the net's tensors, float32 views."""
        return zip(self.views, self._gradients, strict=True)

    def gradient_norm(self) -> Tensor:
        """L2 norm of the last gradient, over all weights."""
        assert self.vector.grad is not None
        if isinstance(self.optimizer, VectorAdam):
            self.optimizer.gather()
        return torch.linalg.vector_norm(self.vector.grad)

    def digest(self) -> int:
        """Sum over the bits of weights and buffers: differs between ranks whose nets differ.

        Without the running statistics of a BatchNorm that each rank keeps for itself.
        """
        own = {
            id(buffer)
            for layer in self.net.modules()
            if isinstance(layer, _BatchNorm) and not isinstance(layer, GlobalBatchNorm)
            for buffer in layer.buffers()
        }
        shared = [buffer for buffer in self.net.buffers() if id(buffer) not in own]
        tensors = [self.vector.detach(), *shared]
        return sum(int(tensor.reshape(-1).view(torch.int32).sum()) for tensor in tensors)

    def net_state(self) -> dict:
        """What the net computes with, without the optimiser."""
        return {"weights": self.vector.detach(), "buffers": dict(self.net.named_buffers())}

    def load_net_state(self, state: dict) -> None:
        """Copy weights and buffers from `net_state` into the net, in place."""
        self.vector.detach().copy_(state["weights"])
        for name, buffer in self.net.named_buffers():
            buffer.copy_(state["buffers"][name])
        self._renew()

    def state_dict(self) -> dict:
        return self.net_state() | {"optimizer": self.optimizer.state_dict()}

    def load_state_dict(self, state: dict) -> None:
        self.load_net_state(state)
        self.optimizer.load_state_dict(state["optimizer"])


def split(vector: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """Views of `vector`, one for each tensor of `like`, in its shape."""
    parts = vector.split([p.numel() for p in like])
    return [part.view(p.shape) for part, p in zip(parts, like, strict=True)]


@torch.no_grad()
def load_vector(net: nn.Module, vector: Tensor) -> None:
    """Put a player's vector of weights into a net of the same layers."""
    params: list[Tensor] = list(net.parameters())
    torch._foreach_copy_(params, split(vector, params))
