"""The training of a restricted Boltzmann machine: contrastive divergence, persistent or not."""

import copy
from functools import partial
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipeline.compute.precision import Products
from pipeline.compute.streams import generator
from pipeline.config.models.rbm.train import Train
from pipeline.models.common import binary, learner
from pipeline.models.common.start import State
from pipeline.models.rbm.centred import CentredRbm
from pipeline.models.rbm.gibbs import Sweep, bernoulli, fair_coins, sweep

# Shapes: B batch, V visible units, H hidden units; images are BCHW.

PICTURE_STEPS = 200  # of the chains of the pictures drawn while it learns


class Training(learner.Training):
    """Descends mean F(data) - mean F(chains), whose expectation is the gradient of -log p(v) once the chains
    have mixed: Hinton 2002 (CD), Tieleman 2008 (PCD)."""

    settings: Train

    @property
    def net(self) -> CentredRbm:
        return cast(CentredRbm, self.player.net)

    def build(self, stream: torch.Generator) -> nn.Module:
        settings = self.settings
        net = CentredRbm(self.visible_mean_V, settings.hidden, settings.negative_chains, stream)
        if settings.offsets == "none":
            zeros = torch.zeros_like(net.visible_offset), torch.zeros_like(net.hidden_offset)
            net.move_offsets(*zeros, 1.0)
        return net

    def going_on(self, net: nn.Module, start: State) -> State:
        """The data's mean is that of this run's data; chains that start anew in every update are not taken."""
        own = {"visible_mean"} if self.settings.persistent else {"visible_mean", "chains"}
        return {**start, **{name: net.state_dict()[name] for name in own}}

    def prepare(self, images_NCHW: Tensor) -> Tensor:
        """Bits, or the grey images that bits are drawn from for every minibatch."""
        if self.settings.binarize != "dynamic":
            images_NCHW = binary.once(images_NCHW, self.settings.binarize, "train")
        else:
            images_NCHW = (images_NCHW + 1) / 2
        self.visible_mean_V = images_NCHW.flatten(1).mean(0).to(self.device)
        return images_NCHW

    def sampler(self, raw: bool = False) -> nn.Module:
        """A copy of the machine, its chains included."""
        return copy.deepcopy(self.net)

    @torch.no_grad()
    def picture(self, net: nn.Module, count: int) -> Tensor:
        stream = generator(self.seed, "grid", self.device)
        rbm = cast(CentredRbm, net).plain()
        end = sweep(rbm, fair_coins(count, self.settings.hidden, stream), PICTURE_STEPS, stream)
        return binary.to_images(self.shown(end)).view(count, *self.image_shape)

    def shown(self, end: Sweep) -> Tensor:
        """p(pixel = 1), given where chains are."""
        return end.visible_means_BV

    def largest_product(self) -> Products:
        batch = max(self.settings.batch_size, self.settings.negative_chains)
        return Products("linear", batch * self.pixels * self.settings.hidden)

    @torch.no_grad()
    def advance(self) -> dict[str, Tensor]:
        """One update along the centred gradient, after the chains and the offsets moved."""
        settings, net, stream = self.settings, self.net, self.streams["noise"]
        self.player.schedule(self.step, settings.steps, self.batches.next_epoch)
        v_BV = self.visible(self.batches.next().images.flatten(1))
        rbm = net.plain()
        hidden_BH = torch.sigmoid(rbm.hidden_logits(v_BV))
        start = net.chains if settings.persistent else bernoulli(hidden_BH, stream)
        model = sweep(rbm, start, settings.gibbs_steps, stream)
        net.chains.copy_(model.h_BH)
        self._move_offsets(v_BV, hidden_BH, model)
        self.player.step(net.gradient(v_BV, hidden_BH, model.v_BV, model.hidden_means_BH))
        self.step += 1
        return {"data": v_BV, "model": model.v_BV}

    def visible(self, x_BV: Tensor) -> Tensor:
        """Visible states of a minibatch of what `prepare` gave, flattened."""
        return (
            bernoulli(x_BV, self.streams["layers"]) if self.settings.binarize == "dynamic" else x_BV
        )

    def _move_offsets(self, v_BV: Tensor, hidden_BH: Tensor, model: Sweep) -> None:
        means = v_BV.mean(0), hidden_BH.mean(0)
        if self.settings.offsets == "average":
            of_model = model.v_BV.mean(0), model.hidden_means_BH.mean(0)
            means = (means[0] + of_model[0]) / 2, (means[1] + of_model[1]) / 2
        if self.settings.offsets != "none":
            self.net.move_offsets(*means, self.settings.offset_rate)

    @torch.no_grad()
    def measure(self, seen: dict[str, Tensor]) -> dict[str, float]:
        """loss: cross-entropy of the last minibatch and its reconstruction, in nats per image; it falls, but says
        little about p(v). free_energy_gap: mean F(data) - mean F(chains); far below 0 the chains lag behind."""
        rbm, data_BV = self.net.plain(), seen["data"]
        logits_BV = rbm.visible_logits(torch.sigmoid(rbm.hidden_logits(data_BV)))
        loss = (
            F.binary_cross_entropy_with_logits(logits_BV, data_BV, reduction="none").sum(1).mean()
        )
        gap = rbm.free_energy(data_BV).mean() - rbm.free_energy(seen["model"]).mean()
        return super().measure({"loss": loss, "free_energy_gap": gap})


trainings = partial(learner.trainings, Training)
