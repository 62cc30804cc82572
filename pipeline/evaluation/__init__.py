"""Measures and plots: arrays in, numbers and pixels out. Knows no files and no stages."""
