"""Working together: share, fetch, prune, sweep. Commands of a person, never part of a stage."""
