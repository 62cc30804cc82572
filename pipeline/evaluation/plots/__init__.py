"""Plots of the evaluation's numbers, as PNG bytes."""
