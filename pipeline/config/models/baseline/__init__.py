"""Settings of baselines: what a model that learns less than it should is compared with."""
