"""Settings of stacked contractive auto-encoders."""
