"""Deep belief nets: restricted Boltzmann machines trained one on the other (Hinton, Osindero, Teh 2006)."""
