"""Working together: share, fetch, prune, sweep."""
