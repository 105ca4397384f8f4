"""The standard probe in scikit-learn: the same features, folds, penalties and rule of choice."""

from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from safetensors import safe_open
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from threadpoolctl import threadpool_limits

LAMBDAS = [10.0**power for power in range(4, -5, -1)]
# Largest component of the gradient: while a penalty is chosen (scikit-learn's own default), and of the fit that counts.
CHOOSING, FINAL = 1e-4, 1e-6


def fit(x, y, lambdas, tolerance):
    """One model a penalty, strongest first, each starting from the one before."""
    model = LogisticRegression(tol=tolerance, max_iter=100_000, warm_start=True)
    for value in lambdas:
        model.set_params(C=1.0 / (len(y) * value)).fit(x, y)
        yield model


class Probes:
    def __init__(self, folder, threads):
        self.path, self.threads = Path(folder) / "features.safetensors", threads
        with safe_open(self.path, "np") as file:
            self.layers = file.get_slice("x").get_shape()[0]

    def fold(self, x, y, fold_of, inner_of, fold):
        # One thread a fold does more than all threads on one.
        with threadpool_limits(1):
            train, test = fold_of != fold, fold_of == fold
            mean, scale = x[train].mean(0, dtype=np.float64), x[train].std(0, dtype=np.float64)
            own, labels, inner = (x[train] - mean) / scale, y[train], inner_of[fold][train]
            losses = np.zeros((inner.max() + 1, len(LAMBDAS)))
            for part in range(len(losses)):
                held = inner == part
                for at, model in enumerate(fit(own[~held], labels[~held], LAMBDAS, CHOOSING)):
                    losses[part, at] = log_loss(labels[held], model.predict_proba(own[held]), labels=model.classes_)
            means, errors = losses.mean(0), losses.std(0, ddof=1) / np.sqrt(len(losses))
            best = means.argmin()
            chosen = LAMBDAS[np.flatnonzero(means <= means[best] + errors[best])[0]]
            (model,) = fit(own, labels, [chosen], FINAL)
            return (model.predict((x[test] - mean) / scale) == y[test]).sum()

    def probe(self, layer):
        with safe_open(self.path, "np") as file:
            x = file.get_slice("x")[layer]
            y, fold_of, inner_of = (file.get_tensor(name) for name in ("y", "fold", "inner"))
        folds = [delayed(self.fold)(x, y, fold_of, inner_of, fold) for fold in np.unique(fold_of)]
        return sum(Parallel(n_jobs=self.threads, prefer="threads")(folds)) / len(y)

    def run(self, numbers):
        for number in numbers:
            self.probe(number % self.layers)
        return 0

    def outputs(self):
        return {"accuracy": np.array([self.probe(self.layers // 2)], dtype=np.float32)}


def open_task(task, folder, scratch, threads):
    return Probes(folder, threads)
