"""How many digits of a number are known."""

import math


def decimals(error: float) -> int:
    """Digits after the point of a number with this standard error or deviation: two digits of the error,
    at least one. 243.6 ± 2.1, 0.8123 ± 0.0061; four where it is 0."""
    return max(1, 1 - math.floor(math.log10(error))) if error > 0 else 4
