"""Classifiers of scikit-learn by our names, what they say as a chance, and those of them that arrays can hold."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.special import expit

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.tree_ensemble import TreeEnsemble

NAMES = ("boosting", "forest", "tree", "logistic", "svm")
LINEAR = ("mean", "spread", "slope", "constant")


class Classified(Protocol):
    """A fitted classifier of two classes."""

    def chances(self, features: FloatArray) -> FloatArray:
        """What it says of rows (p, f), in [0, 1], (p,)."""
        ...

    def arrays(self) -> dict[str, AnyArray]:
        """Everything needed for that, by name."""
        ...


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees as arrays: their sum is a chance, or the log odds of one."""

    ensemble: TreeEnsemble
    is_log_odds: bool

    def chances(self, features: FloatArray) -> FloatArray:
        """Chances (p,)."""
        if self.is_log_odds:
            return np.asarray(expit(self.ensemble.predict(features)[:, 0]))
        # scikit-learn's decision trees, unlike its boosted ones, compare in single precision
        return self.ensemble.predict(features.astype(np.float32))[:, 0]

    def arrays(self) -> dict[str, AnyArray]:
        """The trees."""
        return self.ensemble.arrays()


@dataclass(frozen=True, eq=False)
class Linear:
    """sigmoid(slope' (x - mean) / spread + constant): a logistic regression, or a margin squeezed into [0, 1]."""

    mean: FloatArray  # (f,)
    spread: FloatArray  # (f,)
    slope: FloatArray  # (f,)
    constant: FloatArray  # (1,)

    def chances(self, features: FloatArray) -> FloatArray:
        """Chances (p,)."""
        return np.asarray(expit((features - self.mean) / self.spread @ self.slope + self.constant[0]))

    def arrays(self) -> dict[str, AnyArray]:
        """The four parts."""
        return {name: getattr(self, name) for name in LINEAR}


@dataclass(frozen=True, eq=False)
class Estimator:
    """Any fitted classifier with predict_proba or decision_function."""

    model: Any

    def chances(self, features: FloatArray) -> FloatArray:
        """Chances (p,)."""
        if hasattr(self.model, "predict_proba"):
            return np.asarray(self.model.predict_proba(features)[:, 1], dtype=np.float64)
        return np.asarray(expit(self.model.decision_function(features)))

    def arrays(self) -> dict[str, AnyArray]:
        """Refused: what a foreign estimator holds is not known."""
        raise InputError(
            f"{type(self.model).__name__} is not kept as arrays; fit it again, or take one of {', '.join(NAMES)}."
        )


def check_classifier(given: Any, name: str) -> None:
    """Refuse what is neither a name of ours nor a classifier."""
    if isinstance(given, str):
        if given not in NAMES:
            raise ConfigError(f"{name} is {given!r}; allowed: {', '.join(map(repr, NAMES))}.")
    elif not (hasattr(given, "fit") and (hasattr(given, "predict_proba") or hasattr(given, "decision_function"))):
        raise ConfigError(f"{name} is {given!r}; give one of {', '.join(NAMES)}, or a scikit-learn classifier.")


def classifier(given: Any, context: RunContext) -> Any:
    """An unfitted scikit-learn classifier: one by our name, or a copy of the one given.

    >>> type(classifier("forest", RunContext())).__name__
    'RandomForestClassifier'
    """
    from sklearn.base import clone
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC
    from sklearn.tree import DecisionTreeClassifier

    if not isinstance(given, str):
        return clone(given)
    seed = int(context.rng("ranker").integers(2**31))
    if given == "boosting":
        return HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=150,
            max_leaf_nodes=8,
            min_samples_leaf=100,
            l2_regularization=10.0,
            early_stopping=False,
            random_state=seed,
        )
    if given == "forest":
        return RandomForestClassifier(60, min_samples_leaf=50, n_jobs=1, random_state=seed)
    if given == "tree":
        return DecisionTreeClassifier(min_samples_leaf=50, random_state=seed)
    linear = (
        LogisticRegression(max_iter=500)
        if given == "logistic"
        else LinearSVC(dual=False, class_weight="balanced", random_state=seed)
    )
    return make_pipeline(StandardScaler(), linear)


def classified(given: Any, features: FloatArray, chosen: AnyArray, context: RunContext) -> Classified:
    """The classifier fitted to features (p, f) and whether each row was chosen (p,), as arrays where it is one of ours.

    >>> x, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([False, False, True, True])
    >>> classified("logistic", x, y, RunContext()).chances(np.array([[1.5]])).round(3).tolist()
    [0.5]
    """
    model = classifier(given, context).fit(features, chosen)
    if given == "boosting":
        return Trees(TreeEnsemble.from_boosting(model, features[:64]), True)
    if given in ("forest", "tree"):
        return Trees(TreeEnsemble.from_classifier_trees(getattr(model, "estimators_", [model])), False)
    if given in ("logistic", "svm"):
        scaler, linear = model[0], model[1]
        return Linear(scaler.mean_, scaler.scale_, linear.coef_[0], linear.intercept_)
    return Estimator(model)


def classified_from(given: Any, arrays: Mapping[str, AnyArray], n_features: int) -> Classified:
    """What `arrays` took apart.

    Raises:
        InputError: these are the arrays of something else.
    """
    if given in ("logistic", "svm"):
        parts = {name: np.asarray(arrays[name], dtype=np.float64) for name in LINEAR}
        for name, part in parts.items():
            if part.shape != ((1,) if name == "constant" else (n_features,)):
                raise InputError(f"{name} has shape {part.shape}; these data have {n_features} features.")
        return Linear(**parts)
    if not isinstance(given, str):
        raise InputError(f"{type(given).__name__} is not kept as arrays; fit it again.")
    return Trees(TreeEnsemble.from_arrays(arrays, n_features), given == "boosting")
