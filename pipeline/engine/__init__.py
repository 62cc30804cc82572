"""All that knows the insides of DVC or Snakemake, and how their processes share a folder.

The protocol is in README.md beside this file. Stages and models do not import this package; the
command line, `team` and the Snakefile do.
"""
