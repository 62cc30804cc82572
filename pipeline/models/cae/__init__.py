"""Stacked contractive auto-encoders and their sampler (Rifai et al. 2011, 2012)."""
