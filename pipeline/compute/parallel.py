"""One game on several devices: every rank holds the whole state and sees a part of each minibatch.

The gradients of a player are one vector. Its mean over the ranks is what DistributedDataParallel
computes, in one call and without its buckets, hooks and copies; see docs/devices.md.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from pipeline.compute.variables import whole
from pipeline.errors import PeerLost, TrainingError


@dataclass(frozen=True)
class World:
    """The ranks of a run, and which of them this process is."""

    rank: int = 0
    ranks: int = 1

    @property
    def writes(self) -> bool:
        """Whether this rank writes files and messages: rank 0 does."""
        return self.rank == 0

    def average(self, tensor: Tensor) -> Tensor:
        """Replace `tensor`, in place, by its mean over all ranks, and return it; the same bits on each."""
        if self.ranks > 1:
            reduce(tensor, dist.ReduceOp.SUM)
            tensor.div_(self.ranks)
        return tensor

    def agree(self, digest: int) -> bool:
        """Whether all ranks give the same number; each must call it."""
        if self.ranks == 1:
            return True
        mine = torch.tensor([digest, -digest], device=self._device())
        reduce(mine, dist.ReduceOp.MAX)
        return mine[0].item() == -mine[1].item()

    def _device(self) -> str:
        return "cuda" if dist.get_backend() == "nccl" else "cpu"


ALONE = World()


def reduce(tensor: Tensor, operation: dist.ReduceOp.RedOpType) -> None:
    """All-reduce `tensor` in place; PeerLost, which ends the process, if another rank is gone."""
    try:
        dist.all_reduce(tensor, operation)
    except RuntimeError as error:  # the connection has broken
        raise PeerLost(PeerLost.CODE) from error


@contextmanager
def world(ranks: int, device: str) -> Iterator[World]:
    """Connect the ranks of this run inside the block; `device`: the type of device that each has.

    TrainingError if another number of ranks was started.
    """
    if ranks == 1:
        yield ALONE
        return
    started = whole("WORLD_SIZE", 1)
    if started != ranks:
        raise TrainingError(
            f"train.devices is {ranks}, but {started} rank(s) were started. "
            "Run it through: python -m pipeline train RUN"
        )
    if device == "cuda":
        torch.cuda.set_device(local_rank())
    else:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", loopback())
    dist.init_process_group("nccl" if device == "cuda" else "gloo")
    yield World(dist.get_rank(), ranks)
    dist.destroy_process_group()  # not after an error: the others may be gone


def local_rank() -> int:
    """Index of this rank on its machine, from LOCAL_RANK; 0 where nothing launched ranks."""
    return whole("LOCAL_RANK", 0)


def loopback() -> str:
    """Name of the network interface that reaches this machine only: all ranks are on it."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(address.address == "127.0.0.1" for address in addresses):
            return name
    return "lo"


class Mean(torch.autograd.Function):
    """The mean of a tensor over the ranks, with its gradient.

    Each rank's loss depends on every rank's tensor. The ranks' gradients are averaged afterwards, so that
    each rank's gradient here is the mean of all ranks' gradients with respect to the mean.
    """

    @staticmethod
    def forward(ctx, x: Tensor, world: World) -> Tensor:
        ctx.world = world
        return world.average(x.clone())

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return Mean.apply(gradient, ctx.world), None


class GlobalBatchNorm(_BatchNorm):
    """BatchNorm over the minibatch of all ranks: what one process would compute, up to rounding.

    torch.nn.SyncBatchNorm does so on CUDA only. Mean and variance are reduced one after the other: from
    the mean of squares, float32 would lose the variance of channels far from 0.
    """

    def __init__(self, layer: _BatchNorm, world: World):
        """With the settings, weights and buffers of `layer`."""
        super().__init__(layer.num_features, layer.eps, layer.momentum, layer.affine)
        self.world = world
        self.load_state_dict(layer.state_dict())

    def _check_input_dim(self, input: Tensor) -> None:
        return

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        axes = [axis for axis in range(x.dim()) if axis != 1]
        shape = [1, -1] + [1] * (x.dim() - 2)
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        mean_C = Mean.apply(wide.mean(axes), self.world)
        centred = wide - mean_C.view(shape)
        variance_C = Mean.apply(centred.square().mean(axes), self.world)
        self._update_statistics(
            mean_C.detach(), variance_C.detach(), self.world.ranks * x.numel() // x.size(1)
        )
        y = centred * torch.rsqrt(variance_C + self.eps).view(shape)
        if self.affine:
            y = torch.addcmul(self.bias.view(shape), y, self.weight.view(shape))
        return y.to(x.dtype)

    def _update_statistics(self, mean_C: Tensor, variance_C: Tensor, count: int) -> None:
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = 1 / self.num_batches_tracked.item() if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean_C, share)
        self.running_var.lerp_(variance_C * (count / (count - 1)), share)


def synchronize_norms(net: nn.Module, world: World) -> None:
    """Replace, in place, every BatchNorm of `net` by one over all ranks; weights, buffers and names stay."""
    if world.ranks == 1:
        return
    for parent in list(net.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, _BatchNorm):
                setattr(parent, name, GlobalBatchNorm(layer, world).to(layer.running_mean))
