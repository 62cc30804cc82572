"""Settings of generative stochastic nets."""
