# /// script
# dependencies = ["scikit-learn>=1.5", "safetensors", "numpy", "joblib"]
# ///
"""The standard probe in scikit-learn, on the same features and the same folds: does it say the same, and how long does it take?

    cargo bench --bench probe -- --export sweep            # times vlmscope and writes sweep-1024.safetensors, ...
    python scripts/probe_sklearn.py sweep-1024.safetensors # times scikit-learn on them

The file holds `x` f32 [rows, features], `y`, `groups` and `fold` i64 [rows]: the class, the image and the outer fold that tests
each row. Per outer fold: features standardised by the training rows; lambda from the strongest to the weakest, warm starts, by
grouped 5-fold cross-validation on the log-loss with the one-standard-error rule; L2 multinomial logistic regression with
C = 1 / (rows lambda), lbfgs. `--out` writes what came out beside the features, for tests to compare with; `--planted ROWS
FEATURES` makes features instead of reading them.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from safetensors.numpy import load_file, save_file
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GroupKFold
from threadpoolctl import threadpool_limits

LAMBDAS = [10.0**power for power in range(4, -5, -1)]


def planted(rows, features, classes=3, rows_each=4, signal=0.5, seed=0):
    """A class on some directions of structured noise, `rows_each` rows an image."""
    rng = np.random.default_rng(seed)
    groups = np.arange(rows) // rows_each
    y = rng.integers(0, classes, groups.max() + 1)[groups]
    structure = rng.normal(size=(rows, 8)) @ rng.normal(size=(8, features))
    means = rng.normal(size=(classes, features))
    x = structure + rng.normal(size=(rows, features)) + signal * means[y]
    fold = rng.permutation(np.arange(groups.max() + 1) % 5)[groups]
    return {"x": x.astype(np.float32), "y": y, "groups": groups, "fold": fold}


def fit(x, y, lambdas, tolerance):
    """One model a lambda, strongest first, each starting from the one before."""
    model = LogisticRegression(tol=tolerance, max_iter=100_000, warm_start=True)
    for value in lambdas:
        model.set_params(C=1.0 / (len(y) * value)).fit(x, y)
        yield model


def outer_fold(data, fold, tolerance, threads):
    with threadpool_limits(threads):
        train, test = data["fold"] != fold, data["fold"] == fold
        mean = data["x"][train].mean(0, dtype=np.float64)
        scale = data["x"][train].std(0, dtype=np.float64)
        x, y, groups = (data["x"][train] - mean) / scale, data["y"][train], data["groups"][train]
        losses = np.zeros((5, len(LAMBDAS)))
        for i, (inner, held) in enumerate(GroupKFold(5).split(x, y, groups)):
            for j, model in enumerate(fit(x[inner], y[inner], LAMBDAS, tolerance)):
                losses[i, j] = log_loss(y[held], model.predict_proba(x[held]), labels=model.classes_)
        means, errors = losses.mean(0), losses.std(0, ddof=1) / np.sqrt(5)
        best = means.argmin()
        chosen = LAMBDAS[np.flatnonzero(means <= means[best] + errors[best])[0]]
        (model,) = fit(x, y, [chosen], tolerance)
        return test, model.predict_proba((data["x"][test] - mean) / scale), chosen


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("features", nargs="?", type=Path)
parser.add_argument("--planted", nargs=2, type=int, metavar=("ROWS", "FEATURES"))
parser.add_argument("--signal", default=0.5, type=float, help="of --planted")
parser.add_argument("--tolerance", default=1e-6, type=float, help="largest component of the mean objective's gradient")
parser.add_argument("--jobs", default=2, type=int, help="outer folds at a time, one thread each; 1: one fold, all threads")
parser.add_argument("--out", type=Path)
arguments = parser.parse_args()
if (arguments.features is None) == (arguments.planted is None):
    parser.error("give either a file of features or --planted")
data = load_file(arguments.features) if arguments.features else planted(*arguments.planted, signal=arguments.signal)

start = time.perf_counter()
threads = 1 if arguments.jobs > 1 else None
tasks = [delayed(outer_fold)(data, fold, arguments.tolerance, threads) for fold in np.unique(data["fold"])]
parts = Parallel(n_jobs=arguments.jobs)(tasks)
seconds = time.perf_counter() - start

prob = np.zeros((len(data["y"]), parts[0][1].shape[1]))
for test, probabilities, _ in parts:
    prob[test] = probabilities
accuracy = (prob.argmax(1) == data["y"]).mean()
lambdas = [chosen for *_, chosen in parts]
print(f"x {data['x'].shape}: {seconds:.2f} s, held-out accuracy {accuracy:.4f}, lambdas {lambdas}")
if arguments.out:
    save_file(data | {"prob": prob, "lambda": np.array(lambdas)}, arguments.out)
