"""Measures and pictures: arrays in, numbers and pixels out. Knows no file and no stage."""
