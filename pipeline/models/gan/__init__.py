"""Generative adversarial nets: the game of the 2014 paper, its nets, and later additions."""
