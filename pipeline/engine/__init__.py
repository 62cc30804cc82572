"""All that knows the insides of DVC or Snakemake; nothing below imports it."""
