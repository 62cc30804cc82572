"""Settings of normalising flows."""
