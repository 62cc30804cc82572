"""Deep generative stochastic nets (Bengio, Laufer, Alain, Yosinski 2014): a Markov chain that learns to walk back to the data."""
