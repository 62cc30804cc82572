"""log p(x) of a decoder G with Gaussian noise on its pixels, p(x|z) = N(x; G(z), sigma^2 I) (Wu et al. 2017).

Tensors and functions in, tensors out; nothing here knows a family's nets, a file or a stage.
"""
