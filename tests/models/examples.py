"""Small settings of every family but the GAN, for tests: a second of training on 8 x 8 digits."""

OPTIMIZER = {"name": "adam", "lr": 5e-3, "beta1": 0.9}
AVERAGE = {"name": "exponential", "decay": 0.9}
SHORT = {"steps": 60, "batch_size": 50, "log_steps": 20, "grid_steps": 30, "optimizer": OPTIMIZER}
# annealing so short that it takes a moment
MACHINE = {
    **SHORT,
    "optimizer": {"name": "sgd", "lr": 0.05},
    "binarize": "dynamic",
    "sampling_steps": 50,
    "annealing_steps": 100,
}
# family -> `runs.R.train`
EXAMPLES: dict[str, dict] = {
    "autoregressive": {
        **SHORT,
        "binarize": "dynamic",
        "net": {"name": "made", "hidden": [100]},
        "ema": AVERAGE,
    },
    "baseline": {"baseline": {"name": "k_means", "centroids": 50, "steps": 45}},
    "flow": {
        **SHORT,
        "flow": {"name": "nice", "hidden": [50]},
    },
    "cae": {
        **SHORT,
        "first": {"hidden": 24, "steps": 60},
        "hidden": 24,
        "walk_std": 0.1,
        "ema": AVERAGE,
    },
    "dbm": {**MACHINE, "hidden": 16, "top": 12},
    "dbn": {
        **MACHINE,
        "first": {"hidden": 24, "steps": 60},
        "hidden": 12,
    },
    "gsn": {**SHORT, "hidden": [40, 30], "sampling_steps": 20, "ema": AVERAGE},
    "rbm": {**MACHINE, "hidden": 24},
}
