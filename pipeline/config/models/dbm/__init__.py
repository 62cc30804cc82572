"""Settings of deep Boltzmann machines."""
