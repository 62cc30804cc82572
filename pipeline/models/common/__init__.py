"""What families share: layers, optimisers, minibatches, checkpoints, moving averages, the loop."""
