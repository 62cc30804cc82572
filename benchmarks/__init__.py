"""Measurements: each module prints a table and writes JSON; nothing here asserts a time."""

import pipeline  # noqa: F401  # before torch, of which it silences a warning
