"""Reads and writes files, atomically. Knows no models, stages or engines."""
