"""What families share: layers, optimisers, minibatches, a net that learns."""
