"""Settings of restricted Boltzmann machines."""
