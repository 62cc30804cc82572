"""What may be added to the game, one tip in a file; rules.py puts them into it."""
