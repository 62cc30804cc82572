"""Random numbers: one named stream per purpose, so that drawing sample grids never changes the training."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeGuard

import torch
from torch import Tensor


class Stream(torch.Generator):
    """A generator that knows which rows of a minibatch this process works on.

    On several devices rank r of n has the rows r, r + n, r + 2n, ... of every minibatch, so that rows
    of several minibatches stay each other's neighbours where they are joined. It draws the numbers of
    all rows and keeps those of its own: n ranks use the numbers that one process would use.
    """

    def __new__(cls, device: torch.device | str = "cpu", rank: int = 0, ranks: int = 1):
        return super().__new__(cls, device)  # type: ignore[call-arg]

    def __init__(self, device: torch.device | str = "cpu", rank: int = 0, ranks: int = 1):
        self.rank = rank
        self.ranks = ranks

    def own(self, rows: Tensor) -> Tensor:
        """This process's rows of `rows`, which are those of the whole minibatch."""
        return rows if self.ranks == 1 else rows[self.rank :: self.ranks].contiguous()


class Streams:
    """Independent generators derived from one seed; their states are saved with the weights."""

    NAMES = (
        "init",
        "data",
        "noise",
        "dropout",
        "layers",
        "instance_noise",
        "targets",
        "replay",
        "past_players",
        "encoder",
        "interpolation",
        "consistency",
        "augmentation",
        "mirror",
    )

    # the order of the data is drawn on the CPU: it is the same on every device
    ON_CPU = ("data",)
    # initial weights and the reference batch are the same on every rank
    UNDIVIDED = ("init",)

    def __init__(
        self, seed: int, device: torch.device | str = "cpu", rank: int = 0, ranks: int = 1
    ):
        self.of = {
            name: generator(
                seed,
                name,
                "cpu" if name in self.ON_CPU else device,
                *((0, 1) if name in self.UNDIVIDED else (rank, ranks)),
            )
            for name in self.NAMES
        }

    def __getitem__(self, name: str) -> Stream:
        return self.of[name]

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {name: stream.get_state() for name, stream in self.of.items()}

    def load_state_dict(self, states: dict[str, torch.Tensor]) -> None:
        for name, stream in self.of.items():
            stream.set_state(states[name])


def generator(
    seed: int, name: str, device: torch.device | str = "cpu", rank: int = 0, ranks: int = 1
) -> Stream:
    """The stream `name` of `seed`; streams of other names or seeds are unrelated."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    stream = Stream(device, rank, ranks)
    stream.manual_seed(int.from_bytes(digest[:8]) >> 1)
    return stream


def divided(stream: torch.Generator) -> TypeGuard[Stream]:
    """Whether `stream` gives this rank only some rows of each minibatch."""
    return isinstance(stream, Stream) and stream.ranks > 1


@contextmanager
def undivided(stream: Stream) -> Iterator[None]:
    """Inside, every rank draws the same numbers: those of one process that draws as many."""
    ranks, stream.ranks = stream.ranks, 1
    try:
        yield
    finally:
        stream.ranks = ranks


Shape = tuple[int, ...] | torch.Size  # the first number counts rows of this process


def uniform(shape: Shape, stream: torch.Generator) -> Tensor:
    """Numbers from U[0, 1), a row for each row of a minibatch that this process works on."""
    return _own_rows(torch.rand, shape, stream)


def normal(shape: Shape, stream: torch.Generator) -> Tensor:
    """Numbers from N(0, 1), a row for each row of a minibatch that this process works on."""
    return _own_rows(torch.randn, shape, stream)


@cache
def stay_outside_of_compiled_code() -> None:
    """Exclude drawing from torch.compile, which cannot trace a Stream; call it before compiling.

    Not done at import, because torch's compiler takes seconds to import.
    """
    global _own_rows
    _own_rows = torch.compiler.disable(_own_rows)


def _own_rows(draw: Callable[..., Tensor], shape: Shape, stream: torch.Generator) -> Tensor:
    if not isinstance(stream, Stream) or stream.ranks == 1:
        return draw(shape, generator=stream, device=stream.device)
    global_shape = (shape[0] * stream.ranks, *shape[1:])
    return stream.own(draw(global_shape, generator=stream, device=stream.device))
