"""params.yaml as frozen, validated objects: one module per concern, put together in `params`."""
