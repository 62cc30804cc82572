"""scores R: the numbers of a run that people compare, flat and rounded, for tables and `dvc metrics`."""

from pathlib import Path

from pipeline.files import read_json, write_json


def run(dataset: str, seed: int, parzen: Path, verdict: Path, out: Path) -> None:
    write_json(out, scores(dataset, seed, read_json(parzen), read_json(verdict)))


def scores(dataset: str, seed: int, parzen: dict, verdict: dict) -> dict:
    """One level deep; log-likelihoods in nats to 0.1, as the paper prints them."""
    real = parzen["real_data"] or {}
    return {
        "dataset": dataset,
        "seed": seed,
        "verdict": verdict["verdict"],
        "steps": verdict["steps"],
        "seconds": round(verdict["seconds"]),
        "log_likelihood": round(parzen["log_likelihood"]["mean"], 1),
        "standard_error": round(parzen["log_likelihood"]["standard_error"], 1),
        "sigma": round(parzen["sigma"], 4),
        "real_data": round(real["mean"], 1) if real else None,
        "real_data_error": round(real["standard_error"], 1) if real else None,
        "n_samples": parzen["n_samples"],
        "warnings": len(parzen["warnings"]),
    }
