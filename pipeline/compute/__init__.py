"""Devices, precision, random streams, several devices at once, GPU leases: for every family of models."""
