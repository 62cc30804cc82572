"""Settings of deep belief nets."""
