"""Columns of the tables: what a row may have, and the heading of those that table.md shows."""

from typing import Any

Row = dict[str, Any]  # column -> value; what is not there is empty

# Columns of table.csv; with a heading also of the first table of a dataset in table.md.
COLUMNS = {
    "dataset": None,
    "model": "model",
    "family": None,
    "published": None,  # whether the whole row is of a publication
    "seeds": None,  # number of runs that a row is the mean of; empty for one run
    "fid": "FID",
    "precision": "precision",
    "recall": "recall",
    "log_likelihood": "nats",
    "standard_error": "standard error",
    "missing_classes": "missing classes",
    "verdict": "verdict",
    "evaluation": None,  # part of the verdict in table.md
    # what Table 1 says of the same system, in nats
    "published_nats": "published",
    "published_error": None,
    "copy_rate": "copies",
    "passes_per_image": "passes",
    "latent": "dim z",
    "dimensions": None,  # of an image; beside dim z in table.md
    "jsd": "JSD",
    "steps": "steps",
    "sigma": None,
    "jsd_at_least": None,  # a bound by each run's own D: does not rank runs
    "features": None,  # what FID is computed on; in the heading of table.md
    # a model's own log-likelihood of test images; in tables of their own, one for each kind of data
    "log_p": None,
    "log_p_error": None,
    "log_p_kind": None,
    "log_p_data": None,
    "bits_per_pixel": None,
    # of an entry of `likelihoods:`: distance of the bounds, deviation of the noise, the encoder's bounds
    "log_p_gap": None,
    "noise_sigma": None,
    "elbo": None,
    "iwae": None,
    # the standard deviation over seeds, in rows over seeds; table.md has it beside the mean
    "fid_std": None,
    "precision_std": None,
    "recall_std": None,
    "log_likelihood_std": None,
    "copy_rate_std": None,
    "jsd_std": None,
    "log_p_std": None,
    "bits_per_pixel_std": None,
}
# Columns of the tables of log-likelihoods in table.md.
OF_LIKELIHOODS = {
    "model": "model",
    "log_p": "log p",
    "log_p_error": "standard error",
    "log_p_kind": "kind",
    "log_p_gap": "gap",
    "elbo": "ELBO",
    "iwae": "IWAE",
    "noise_sigma": "sigma",
    "bits_per_pixel": "bits per pixel",
    "log_likelihood": "Parzen",
}
# over seeds; the last two where a model has a likelihood
AVERAGED = tuple(key.removesuffix("_std") for key in COLUMNS if key.endswith("_std"))
# the same for every seed
SHARED = ("family", "passes_per_image", "latent", "dimensions", "log_p_kind", "log_p_data")
# What FID compares, by the kind of the dataset's feature extractor, for the heading.
FEATURES = {"classifier": "classifier", "components": "PCA", "mixture": "coordinates"}
# What a model's own likelihood is of, by `log_p_data`: numbers on one never stand beside those on the other.
LIKELIHOODS = {
    "binarised": "Log-likelihood of binarised test images, nats of a law on bits",
    "dequantised": "Log-likelihood of dequantised test images, nats of a density on [0, 1]",
}
