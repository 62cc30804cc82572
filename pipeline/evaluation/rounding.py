"""How many digits of a number are known. Files hold six; whoever shows a number rounds it once, here."""

from typing import Any


def stored(numbers: Any) -> Any:
    """Numbers in nested dicts and lists to six significant digits, as files hold them: more are noise, and would differ
    between machines."""
    if isinstance(numbers, dict):
        return {key: stored(value) for key, value in numbers.items()}
    if isinstance(numbers, list):
        return [stored(value) for value in numbers]
    return float(f"{numbers:.6g}") if isinstance(numbers, float) else numbers


def decimals(error: float) -> int:
    """Digits after the point of a number with this standard error or deviation: two digits of the error,
    at least one. 243.6 ± 2.1, 0.8123 ± 0.0061; four where it is 0."""
    return max(1, 1 - exponent(error, 2)) if error > 0 else 4


def significant(value: float, digits: int = 3) -> str:
    """`value` with so many significant digits, zeros at the end included; 1.17e-05 below 0.001."""
    if value != 0 and abs(value) < 1e-3:
        return f"{value:.{digits - 1}e}"
    return f"{value:,.{max(0, digits - 1 - exponent(value, digits))}f}"


def exponent(value: float, digits: int) -> int:
    """Of the power of ten that `value` begins with, once it has so many digits: 0 for 9.94, 1 for 9.96, with two."""
    return int(f"{value:.{digits - 1}e}".partition("e")[2])
