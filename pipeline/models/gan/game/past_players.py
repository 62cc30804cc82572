"""Old checkpoints swapped in for a few iterations (ganhacks 8)."""

import contextlib
import copy
from collections.abc import Iterator

import torch

from pipeline.config.models.gan import tips
from pipeline.models.common.player import Player


class PastPlayers:
    """Stores both players every `every_steps`; for the next `for_steps` a stored pair are the opponents.

    Only the current players learn: D from samples of an older G, G from an older D.
    """

    def __init__(
        self,
        settings: tips.PastPlayers,
        players: dict[str, Player],
        stream: torch.Generator,
    ):
        self.settings = settings
        self.players = players
        self.stream = stream
        self.kept: list[dict] = []  # the weights and buffers of both, oldest first
        self.opponents: dict | None = None
        self.turned_at = 0

    @contextlib.contextmanager
    def as_opponent(self, player: Player, step: int) -> Iterator[None]:
        """Inside, `player` has the weights of a stored one, in steps that have opponents; then its own again."""
        self._turn(step)
        if self.opponents is None:
            yield
            return
        name = next(name for name, one in self.players.items() if one is player)
        current = copy.deepcopy(player.net_state())
        player.load_net_state(self.opponents[name])
        try:
            yield
        finally:
            player.load_net_state(current)

    def _turn(self, step: int) -> None:
        """Once a step: choose the opponents, or store the players. The untrained players are not stored."""
        if step == self.turned_at:
            return
        self.turned_at = step
        since = step % self.settings.every_steps
        if since == 0:
            self.opponents = self._any_kept()
            now = {name: copy.deepcopy(one.net_state()) for name, one in self.players.items()}
            self.kept = [*self.kept, now][-self.settings.keep :]
        elif since == self.settings.for_steps:
            self.opponents = None

    def _any_kept(self) -> dict | None:
        if not self.kept:
            return None
        device = self.stream.device
        drawn = torch.randint(len(self.kept), (), generator=self.stream, device=device)
        return self.kept[int(drawn)]

    def state_dict(self) -> dict:
        return {"kept": self.kept, "opponents": self.opponents, "turned_at": self.turned_at}

    def load_state_dict(self, state: dict) -> None:
        self.kept, self.opponents = state["kept"], state["opponents"]
        self.turned_at = state["turned_at"]
