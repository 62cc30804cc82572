"""Measurements: each module prints a table and writes JSON; nothing here asserts a time."""
