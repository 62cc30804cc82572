"""`loss`: the pair of losses that D and G minimise (pipeline/models/gan/game/losses.py), and what D's output means."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

# With these D(x) = sigmoid(D's output) is a probability; with the others D's output itself is D(x), a number
# without bounds, and D is a critic.
OF_PROBABILITIES = ("non_saturating", "minimax", "label_flip")
OTHER_NAMES = {
    "bce": "non_saturating",
    "dcgan": "non_saturating",
    "gan": "non_saturating",
    "logistic": "non_saturating",
    "ns": "non_saturating",
    "nsgan": "non_saturating",
    "vanilla": "non_saturating (vanilla is also said of minimax, eq. 1 of the 2014 paper)",
    "saturating": "minimax",
    "mm": "minimax",
    "flip": "label_flip",
    "l2": "least_squares",
    "ls": "least_squares",
    "lsgan": "least_squares",
    "mse": "least_squares",
    "r3gan": "relativistic",
    "rgan": "relativistic",
    "rpgan": "relativistic",
    "w": "wasserstein",
    "wgan": "wasserstein",
    "wgan-gp": "wasserstein",
    "wgan_gp": "wasserstein",
}


def by_its_name(found: Any) -> Any:
    """ValueError for a name that other projects use, with ours."""
    if isinstance(found, str) and found.lower() in OTHER_NAMES:
        raise ValueError(f"found {found!r}, which is called {OTHER_NAMES[found.lower()]} here")
    return found


Loss = Annotated[
    Literal[
        "non_saturating",
        "minimax",
        "label_flip",
        "hinge",
        "least_squares",
        "wasserstein",
        "relativistic",
    ],
    BeforeValidator(by_its_name),
]


def is_critic(loss: str) -> bool:
    """Whether D's output is no logit of a probability under this loss."""
    return loss not in OF_PROBABILITIES
