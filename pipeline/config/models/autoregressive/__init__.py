"""Settings of models that draw one pixel after the other."""
