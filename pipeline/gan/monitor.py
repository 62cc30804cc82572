"""How a run went, judged from its log alone, with a hint when it went badly."""

from dataclasses import dataclass

# D is certain of nearly every image: mean D(x) above this and mean D(G(z)) below its complement.
CERTAIN = 0.99
GRADIENT_LIMIT = 100.0  # ganhacks, tip 10


@dataclass(frozen=True)
class Verdict:
    verdict: str
    reason: str
    hint: str


def judge(rows: list[dict[str, float]]) -> Verdict:
    """Verdict over the last tenth of the logged `rows` (d_real, d_fake, gradient norms)."""
    last = rows[-max(1, len(rows) // 10) :]

    def mean(key: str) -> float:
        return sum(row[key] for row in last) / len(last)

    if mean("d_real") > CERTAIN and mean("d_fake") < 1 - CERTAIN:
        return Verdict(
            "discriminator_won",
            f"at the end D(x) is {mean('d_real'):.3f} and D(G(z)) {mean('d_fake'):.3f}: "
            "G no longer learns",
            "add train.instance_noise, raise discriminator.dropout_hidden, or lower D's learning rate",
        )
    for player in ("g", "d"):
        norm = mean(f"{player}_gradient_norm")
        if norm > GRADIENT_LIMIT:
            return Verdict(
                "exploding_gradient",
                f"at the end {player.upper()}'s gradient norm is {norm:.0f}, above {GRADIENT_LIMIT:.0f}",
                "lower its learning rate, or add train.instance_noise",
            )
    return Verdict(
        "healthy", f"D(x) {mean('d_real'):.3f}, D(G(z)) {mean('d_fake'):.3f} at the end", ""
    )
