"""python -m tests.campaign: all attacks, and how many of them were refused, accepted, or went wrong."""

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.campaign import arrays, files, params, places, state
from tests.campaign.attack import BAD, OUTCOMES, Attack, outcome

FAMILIES: dict[str, Callable[[Path], Iterator[Attack]]] = {
    "params": params.attacks,
    "files": files.attacks,
    "arrays": arrays.attacks,
    "places": places.attacks,
    "state": state.attacks,
}


def main(names: list[str]) -> int:
    """Attack by the families `names`, by all if there are none; 0 if nothing went wrong."""
    print(f"{'':10}" + "".join(f"{word:>10}" for word in ("tried", *OUTCOMES)))
    total: Counter[str] = Counter()
    for family in names or FAMILIES:
        counts: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            for attack in FAMILIES[family](Path(folder)):
                word, why = outcome(attack)
                counts[word] += 1
                if word in BAD:
                    print(f"{word}: {family}: {attack.what}: {why}", file=sys.stderr)
        print(row(family, counts), flush=True)
        total += counts
    print(row("all", total))
    return int(any(total[word] for word in BAD))


def row(name: str, counts: Counter[str]) -> str:
    numbers = (sum(counts.values()), *(counts[word] for word in OUTCOMES))
    return f"{name:10}" + "".join(f"{number:10,}" for number in numbers)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
