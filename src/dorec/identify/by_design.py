"""Estimands that rest on a named assumption instead of a drawn graph."""

from collections.abc import Sequence

from dorec.domain.errors import BadControl
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Probability, Product, Sum
from dorec.domain.query import CausalQuery


def identify_from_covariates(query: CausalQuery, covariates: Sequence[str]) -> Estimand:
    """The back-door estimand under the assumption that these covariates suffice.

    The assumption is the user's, cannot be tested with these data, and stands in the estimand in words.

    Raises:
        BadControl: a covariate is part of the query.

    Example:
        >>> estimand = identify_from_covariates(CausalQuery("email", "sales"), ["age"])
        >>> print(estimand)
        P(sales | do(email)) = Σ_{age} P(sales | email, age) P(age)
    """
    names = _covariates(query, covariates)
    what, to = " and ".join(query.treatments), " and ".join(query.outcomes)
    shown = ", ".join(names) or "no covariate"
    return Estimand(
        query=query,
        strategy="back-door",
        expression=adjusted(query, names),
        adjustment_set=names,
        assumptions=(
            f"every common cause of {what} and {to} is among: {shown}",
            f"all of these were fixed before {what} was decided, and none is affected by it",
            *_always(query),
        ),
    )


def identify_randomised(query: CausalQuery, covariates: Sequence[str] = ()) -> Estimand:
    """The estimand of an experiment: the treatment was drawn by chance; covariates only sharpen the estimate.

    Raises:
        BadControl: a covariate is part of the query.

    Example:
        >>> identify_randomised(CausalQuery("segment", "spend")).assumptions[0]
        'segment was assigned at random, with probabilities that depend on nothing that affects spend'
    """
    names = _covariates(query, covariates)
    what, to = " and ".join(query.treatments), " and ".join(query.outcomes)
    sharpen = (f"the covariates were fixed before {what} was assigned: {', '.join(names)}",) if names else ()
    return Estimand(
        query=query,
        strategy="randomised",
        expression=adjusted(query, names),
        adjustment_set=names,
        assumptions=(
            f"{what} was assigned at random, with probabilities that depend on nothing that affects {to}",
            *sharpen,
            *_always(query, overlap=False),
        ),
    )


def adjusted(query: CausalQuery, names: Sequence[str]) -> Expression:
    """Σ_z P(y | x, z, c) P(z | c).

    >>> print(adjusted(CausalQuery("x", "y", "c"), ["z"]))
    Σ_{z} P(y | x, c, z) P(z | c)
    """
    given = (*query.treatments, *query.conditions)
    if not names:
        return Probability(query.outcomes, given)
    inner = Probability(query.outcomes, (*given, *names))
    return Sum(tuple(names), Product((inner, Probability(tuple(names), query.conditions))))


def _covariates(query: CausalQuery, covariates: Sequence[str]) -> tuple[str, ...]:
    names = tuple(dict.fromkeys([covariates] if isinstance(covariates, str) else covariates))
    both = [n for n in names if n in (*query.treatments, *query.outcomes)]
    if both:
        raise BadControl(f"{', '.join(both)} is part of the query", remedy="leave it out of the covariates")
    return tuple(n for n in names if n not in query.conditions)


def _always(query: CausalQuery, *, overlap: bool = True) -> tuple[str, ...]:
    what = " and ".join(query.treatments)
    always = (f"one unit's {what} does not change another unit's outcome",)
    return (*always, f"every kind of unit could have had each level of {what}") if overlap else always
