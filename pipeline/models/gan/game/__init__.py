"""The game: losses, the two updates, and what may be added to either."""
