"""Train, sample and measure generative adversarial nets as cached, versioned stages."""

__version__ = "0.1.0"
