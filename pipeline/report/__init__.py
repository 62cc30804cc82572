"""What people read about runs that are recorded: the page of results, comparisons of runs and revisions.

Reads params.yaml, dvc.lock, and files of results/; starts nothing and is read by no stage.
"""
