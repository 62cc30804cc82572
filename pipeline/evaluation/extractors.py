"""Feature extractors: features and class logits, from a model that belongs to the dataset.

ImageNet features say nothing about digits, and they need a download. So every dataset gets its own
extractor, one of three kinds: a small classifier where there are labels; the exact posterior where
the density is known (point sets; their features are the coordinates); principal components where
there are neither.
"""

import hashlib
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# Shapes: N images, F features, K classes, P pixels or coordinates.
FEATURES = 128
CHANNELS = (24, 48)
BATCH = 128  # at most
PRESENTATIONS = 250_000  # images shown in training; MNIST's 50,000 five times
MOST_EPOCHS = 25  # limit for small datasets
PEAK_RATE = 3e-3
COMPONENTS = 64
FORWARD = 1_000  # images at a time


class Classifier(nn.Module):
    """Images [N, C, H, W] in [-1, 1] -> features [N, F] (after the last ReLU) and logits [N, K]."""

    def __init__(self, image_shape: tuple[int, int, int], classes: int):
        super().__init__()
        channels, height, width = image_shape
        # 5 x 5 with stride 2 costs a fifth of 3 x 3 with pooling, for the same accuracy on MNIST
        self.conv1 = nn.Conv2d(channels, CHANNELS[0], 5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(CHANNELS[0], CHANNELS[1], 5, stride=2, padding=2)
        self.hidden = nn.Linear(CHANNELS[1] * quarter(height) * quarter(width), FEATURES)
        self.last = nn.Linear(FEATURES, classes)

    def forward(
        self, images_NCHW: Tensor, keep: float = 1.0, stream: torch.Generator | None = None
    ):
        """`keep`: share of the features that dropout keeps before the last layer; 1 in evaluation."""
        h = F.relu(self.conv2(F.relu(self.conv1(images_NCHW))))
        features_NF = F.relu(self.hidden(h.flatten(1)))
        shown = features_NF
        if keep < 1:
            shown = shown * torch.empty_like(shown).bernoulli_(keep, generator=stream).div_(keep)
        return features_NF, self.last(shown)


def quarter(pixels: int) -> int:
    """Pixels left after two convolutions with stride 2."""
    return -(-pixels // 4)


def train_classifier(
    images_NCHW: Tensor, labels_N: Tensor, classes: int, stream: torch.Generator
) -> dict[str, Tensor]:
    """Weights of a classifier; AdamW with one cycle of the learning rate, 30 % dropout on the features.

    Images in [-1, 1], labels from 0; initial weights, order and dropout are drawn from `stream`.
    """
    net = Classifier(tuple(images_NCHW.shape[1:]), classes)  # type: ignore[arg-type]
    for parameter in net.parameters():
        with torch.no_grad():
            parameter.zero_()
            if parameter.dim() > 1:
                fan_in = parameter[0].numel()
                parameter.normal_(0, (3 * fan_in) ** -0.5, generator=stream)
    net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # a quarter faster
    epochs = min(MOST_EPOCHS, -(-PRESENTATIONS // len(images_NCHW)))
    batch = min(BATCH, max(1, len(images_NCHW) // 20))  # enough steps with few images, too
    steps = epochs * (len(images_NCHW) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=PEAK_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_RATE, total_steps=steps, pct_start=0.2
    )
    for _ in range(epochs):
        order = torch.randperm(len(images_NCHW), generator=stream)
        for rows in order[: len(order) // batch * batch].split(batch):
            shown = images_NCHW[rows].contiguous(memory_format=torch.channels_last)
            _, logits = net(shown, keep=0.7, stream=stream)
            optimizer.zero_grad()
            F.cross_entropy(logits, labels_N[rows]).backward()
            optimizer.step()
            schedule.step()
    return {name: tensor.detach().contiguous() for name, tensor in net.state_dict().items()}


def fit_components(images_NCHW: Tensor) -> dict[str, Tensor]:
    """The mean [P] and the first COMPONENTS principal components [F, P] of the pixels, largest first."""
    x_NP = images_NCHW.flatten(1).double()
    mean_P = x_NP.mean(dim=0)
    covariance = (x_NP - mean_P).T @ (x_NP - mean_P) / len(x_NP)
    _, vectors = torch.linalg.eigh(covariance)
    kept = vectors[:, -COMPONENTS:].T.flip(0)
    return {"mean": mean_P.float(), "components": kept.float().contiguous()}


def _classify(tensors: dict[str, Tensor], images_NCHW: Tensor) -> tuple[Tensor, Tensor | None]:
    net = Classifier(tuple(images_NCHW.shape[1:]), len(tensors["last.bias"]))  # type: ignore[arg-type]
    net.load_state_dict(tensors)
    return net(images_NCHW)


def _posterior(tensors: dict[str, Tensor], images_NCHW: Tensor) -> tuple[Tensor, Tensor | None]:
    """Coordinates, and log p(component | x) up to a constant: all components are equally likely."""
    x_NP = images_NCHW.flatten(1)
    squares_NK = (x_NP[:, None] - tensors["means"][None]).square().sum(dim=2)
    return x_NP, -squares_NK / (2 * tensors["std"] ** 2)


def _project(tensors: dict[str, Tensor], images_NCHW: Tensor) -> tuple[Tensor, Tensor | None]:
    return (images_NCHW.flatten(1) - tensors["mean"]) @ tensors["components"].T, None


KINDS: dict[str, Callable[[dict[str, Tensor], Tensor], tuple[Tensor, Tensor | None]]] = {
    "classifier": _classify,
    "mixture": _posterior,
    "components": _project,
}


@torch.no_grad()
def extract(
    kind: str, tensors: dict[str, Tensor], images_NCHW: Tensor
) -> tuple[Tensor, Tensor | None]:
    """float64 features [N, F] and logits [N, K] (None without classes), `FORWARD` images at a time."""
    parts = [KINDS[kind](tensors, block) for block in images_NCHW.split(FORWARD)]
    features = torch.cat([features for features, _ in parts]).double()
    logits = [logits for _, logits in parts if logits is not None]
    return features, torch.cat(logits).double() if logits else None


def accuracy(logits_NK: Tensor, labels_N: Tensor) -> float:
    """Share of images whose largest logit is that of their label."""
    return (logits_NK.argmax(dim=1) == labels_N).double().mean().item()


def digest(*tensors: Tensor) -> str:
    """16 hex digits that change when any of the tensors does."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(repr(tuple(tensor.shape)).encode())
        found.update(tensor.contiguous().numpy().data)
    return found.hexdigest()[:16]
