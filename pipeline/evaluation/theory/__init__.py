"""Section 4 of the paper in numbers."""
