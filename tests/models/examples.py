"""Small settings of every family but the GAN, for tests: a second of training on 8 x 8 digits."""

OPTIMIZER = {"name": "adam", "lr": 5e-3, "beta1": 0.9}
SHORT = {"steps": 60, "batch_size": 50, "log_steps": 20, "grid_steps": 30, "optimizer": OPTIMIZER}
# family -> `runs.R.train`
EXAMPLES: dict[str, dict] = {
    "autoregressive": {
        **SHORT,
        "binarize": "dynamic",
        "net": {"name": "made", "hidden": [100]},
        "ema": {"name": "exponential", "decay": 0.9},
    },
    "flow": {
        **SHORT,
        "flow": {"name": "nice", "hidden": [50]},
    },
}
