"""Classifiers as arrays say what scikit-learn says, also where a row lies on a border."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from dorec import RunContext
from dorec.domain.errors import ConfigError, InputError
from dorec.recommend.classifiers import NAMES, check_classifier, classified, classified_from, classifier

ONE = RunContext(threads=1)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_say_what_scikit_learn_says(name):
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=(500, 4)), 1)
    y = rng.random(500) < 1 / (1 + np.exp(-x[:, 0] - x[:, 1] * x[:, 2]))
    own = classifier(name, ONE).fit(x, y)
    said = own.predict_proba(x)[:, 1] if name != "svm" else 1 / (1 + np.exp(-own.decision_function(x)))
    made = classified(name, x, y, ONE)
    np.testing.assert_allclose(made.chances(x), said, atol=1e-12)
    back = classified_from(name, made.arrays(), 4)
    np.testing.assert_array_equal(back.chances(x), made.chances(x))
    with pytest.raises((InputError, ValueError)):
        classified_from(name, {k: a[:-1] for k, a in made.arrays().items()}, 4)


def test_any_classifier_has_chances_and_what_is_none_is_refused():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2))
    y = x[:, 0] > 0
    for model in (GaussianNB(), LinearSVC()):
        made = classified(model, x, y, ONE).chances(x)
        assert ((made >= 0) & (made <= 1)).all()
        assert made[y].mean() > made[~y].mean() + 0.2
        with pytest.raises(InputError, match=type(model).__name__):
            classified_from(model, {}, 2)
    for wrong in (LinearRegression(), "forrest", 3):
        with pytest.raises(ConfigError):
            check_classifier(wrong, "model")
