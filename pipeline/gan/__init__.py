"""The two-player game: nets, losses, updates, noise. Knows no file and no stage."""
