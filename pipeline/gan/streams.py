"""Random numbers: one named stream per purpose, so that looking at samples never moves training."""

import hashlib

import torch


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
    )

    def __init__(self, seed: int, device: torch.device | str = "cpu"):
        self.of = {name: generator(seed, name, device) for name in self.NAMES}

    def __getitem__(self, name: str) -> torch.Generator:
        return self.of[name]

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {name: stream.get_state() for name, stream in self.of.items()}

    def load_state_dict(self, states: dict[str, torch.Tensor]) -> None:
        for name, stream in self.of.items():
            stream.set_state(states[name])


def generator(seed: int, name: str, device: torch.device | str = "cpu") -> torch.Generator:
    """The stream `name` of `seed`; streams of other names or seeds are unrelated."""
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return torch.Generator(device).manual_seed(int.from_bytes(digest[:8]) >> 1)
