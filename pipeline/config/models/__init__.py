"""Settings of the model families, a folder each."""
