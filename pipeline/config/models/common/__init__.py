"""Settings that families share."""
