"""Files in and out: what appears whole or not at all. Knows nothing of models, stages or engines."""
