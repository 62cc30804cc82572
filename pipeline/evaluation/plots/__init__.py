"""Plots of the evaluation's numbers: Matplotlib figures, and grids of pixels as PNG bytes. Nothing is computed
here that a file of the run should hold."""
