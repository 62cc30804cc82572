"""What the 2014 paper and texts about it claim in words, each held against a number that is measured on runs.

Reads params files and results/, computes what needs a model, writes a page, its numbers and figures; no stage reads them.
"""
