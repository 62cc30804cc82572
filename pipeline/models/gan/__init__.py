"""Generative adversarial nets: the game of the 2014 paper, its nets, and what came after it."""
