"""Restricted Boltzmann machines of binary units: centred learning, Gibbs chains, estimates of the likelihood."""
