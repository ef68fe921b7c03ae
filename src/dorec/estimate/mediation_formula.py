"""Whether a formula of natural effects is the mediation formula, and which covariates it adjusts for."""

from dorec.domain.errors import InputError
from dorec.domain.expression import Expression, Probability, Product, Renamed, Sum
from dorec.domain.mediation import MediationEstimand


def splits_by_covariates(estimand: MediationEstimand) -> tuple[str, ...]:
    """The covariates Z of Σ_{z, m} P(y | x, m, z) P(m | x*, z) P(z), sorted; each factor may be given less.

    Raises:
        InputError: the formula is another one, which needs other models than those of `Mediation`.

    Example:
        >>> from dorec.domain.query import CausalQuery
        >>> starred = Renamed(Probability(("m",), ("x", "z")), (("x", "x*"),))
        >>> factors = (Probability(("y",), ("x", "m", "z")), starred, Probability(("z",)))
        >>> query = CausalQuery("x", "y", mediators="m")
        >>> splits_by_covariates(MediationEstimand(query=query, nested=Sum(("m", "z"), Product(factors))))
        ('z',)
    """
    query = estimand.query
    inside = {*query.treatments, *query.outcomes, *query.mediators}
    covariates = tuple(sorted(estimand.nested.variables - inside))
    if not all(_fits(factor, estimand, set(covariates)) for factor in _factors(estimand.nested)):
        raise InputError(
            f"{estimand} is not the mediation formula with covariates that are fixed before the treatment, which is "
            "what Mediation estimates. On classes, estimand.effects(joint) gives its value."
        )
    return covariates


def _factors(expression: Expression) -> list[Expression]:
    if isinstance(expression, Sum):
        return _factors(expression.term)
    if isinstance(expression, Product):
        return [one for factor in expression.factors for one in _factors(factor)]
    return [expression]


def _fits(factor: Expression, estimand: MediationEstimand, covariates: set[str]) -> bool:
    """P(y | x, m, z), P(m | x*, z) or P(z), each given any part of these."""
    query = estimand.query
    starred = isinstance(factor, Renamed)
    term = factor.term if isinstance(factor, Renamed) else factor
    if not isinstance(term, Probability) or term.regime.do:
        return False
    of, given = set(term.of), set(term.given)
    x, m = set(query.treatments), set(query.mediators)
    if of & set(query.outcomes):
        return of == set(query.outcomes) and not starred and given <= x | m | covariates
    if of & m:
        return of <= m and (starred or not given & x) and given <= x | m | covariates
    return of <= covariates and given <= covariates
