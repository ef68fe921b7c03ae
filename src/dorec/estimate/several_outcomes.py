"""One treatment, several outcomes: one vector of effects, so that intervals can hold for all of them at once."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.aipw import AIPW, DEFAULT_CONTEXT

DEFAULT_LEARNER = AIPW()


def effects_on_outcomes(
    study: Study,
    outcomes: Mapping[str, Any],
    learner: Any = DEFAULT_LEARNER,
    *,
    context: RunContext = DEFAULT_CONTEXT,
) -> Estimate:
    """The effects of a study's treatment on several outcomes of the same units, as one vector.

    What the outcomes share (folds, propensities) is fitted once. `interval(joint=True)` and `adjusted_p_values()` of
    the vector guard against the luck of the best of many outcomes, with their correlation taken into account.

    Args:
        study: treatment, covariates and units; its own outcome is not used unless it is among `outcomes`.
        outcomes: name -> numbers (n,), in the order of the study's rows.
        learner: an effect learner, `AIPW()` by default.
        context: seed, engine and progress.

    Raises:
        InputError: no outcome, one of another length, or one that is also a covariate.
        Refusal: an outcome that the learner refuses, with its name.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> t = np.arange(400) % 2
        >>> study = Study.from_table({"t": t, "clicks": t + rng.normal(size=400)}, outcome="clicks", treatment="t")
        >>> found = effects_on_outcomes(study, {"clicks": study.outcome, "spend": 5.0 * t + rng.normal(size=400)})
        >>> found.name, found.value.round().tolist()
        (('clicks: 1 - 0', 'spend: 1 - 0'), [1.0, 5.0])
    """
    if not outcomes:
        raise InputError("effects_on_outcomes got no outcome; give at least one, as {'clicks': numbers}.")
    found = []
    for name, values in context.track(outcomes.items(), "outcomes", len(outcomes)):
        y = np.asarray(values, dtype=np.float64)
        if y.shape != (study.n,):
            raise InputError(f"outcome {name!r} has shape {y.shape}; give ({study.n},), one number for each unit.")
        if name in (*study.covariate_names, study.treatment_name):
            raise InputError(
                f"{name!r} is the treatment or a covariate, so it can't be an outcome; leave it out of one."
            )
        one = learner.fit(study.with_columns(outcome=y, outcome_name=name), context=context).ate()
        said = f"{name}: {one.name}" if isinstance(one.name, str) else tuple(f"{name}: {part}" for part in one.name)
        found.append(replace(one, name=said))
    return Estimate.concat(found)
