"""Deep Boltzmann machines of two hidden layers (Salakhutdinov & Hinton 2009), centred (Montavon & Müller 2012)."""
