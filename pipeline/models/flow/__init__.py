"""Normalising flows: NICE (Dinh, Krueger, Bengio 2014) and Real NVP (Dinh, Sohl-Dickstein, Bengio 2016)."""
