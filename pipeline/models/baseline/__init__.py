"""Baselines: training images, their k-means centroids, and pixels that know nothing of each other."""
