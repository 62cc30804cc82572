"""Settings of a GAN, `runs.R.train` of params.yaml; `train` puts them together."""
