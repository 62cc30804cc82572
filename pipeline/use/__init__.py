"""Trained models in the hands of others: to draw from, to export, to play with.

No stage imports this. What it needs from a family it finds in that family's `Saved`.
"""
