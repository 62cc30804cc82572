"""Scores of runs as tables: rows and their order, columns, the text of a cell, Markdown and CSV.

Dictionaries in, text out; nothing here knows a file, a stage or a model.
"""
