"""One module per stage, in the order of the DAG: files in, files out."""
