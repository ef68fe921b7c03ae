"""Probability expressions made shorter by the chain rule, by sums that vanish and by factors that cancel."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product

from dorec.domain.expression import At, Constant, Expression, Fraction, Probability, Product, Sum, parts_of
from dorec.domain.regime import Regime

Key = tuple[object, ...]
Set = frozenset[str]
Levels = dict[str, int]
FREE = "_free_variables"


def simplified(expression: Expression) -> Expression:
    """An equal expression with fewer terms.

    P(a | b, c) P(b | c) is one joint probability, P(a, b | c) / P(b | c) one conditional; a sum over what occurs in
    one joint probability is its margin; factors that a sum does not touch leave it; what stands above and below
    cancels.
    Equal means equal wherever the expression is defined, that is where no denominator is 0.

    Example:
        >>> chain = Product((Probability(("z",), ("x",)), Probability(("y",), ("x", "z"))))
        >>> print(simplified(Sum(("z",), chain)))
        P(y | x)
        >>> joint = Probability(("x", "y", "z"))
        >>> print(simplified(Fraction(Sum(("z",), joint), Sum(("y", "z"), joint))))
        P(y | x)
    """
    return _Quotient.of(expression).expression()


def free_variables(expression: Expression) -> frozenset[str]:
    """The variables that an expression is a function of: those that no sum binds and no level fixes.

    >>> sorted(free_variables(Sum(("z",), Probability(("y", "z"), ("x",)))))
    ['x', 'y']
    """
    known = expression.__dict__.get(FREE)  # expressions are frozen, and asked again and again
    if known is None:
        known = expression.__dict__[FREE] = _free(expression)
    return known


def _free(expression: Expression) -> Set:
    if isinstance(expression, Sum):
        return free_variables(expression.term) - frozenset(expression.over)
    if isinstance(expression, At):
        return free_variables(expression.term) - frozenset(name for name, _ in expression.levels)
    return frozenset().union(*(free_variables(part) for part in parts_of(expression))) or (
        expression.variables if isinstance(expression, Probability) else frozenset()
    )


@dataclass(frozen=True)
class _Quotient:
    """Factors over factors, none of them a product or a fraction."""

    top: tuple[Expression, ...]
    bottom: tuple[Expression, ...] = ()

    @classmethod
    def of(cls, expression: Expression) -> "_Quotient":
        if isinstance(expression, Product):
            parts = [cls.of(factor) for factor in expression.factors]
            return cls(
                tuple(f for part in parts for f in part.top), tuple(f for part in parts for f in part.bottom)
            ).reduced()
        if isinstance(expression, Fraction):
            above, below = cls.of(expression.numerator), cls.of(expression.denominator)
            return cls((*above.top, *below.bottom), (*above.bottom, *below.top)).reduced()
        if isinstance(expression, Sum):
            over, term = frozenset(expression.over), cls.of(expression.term)
            if over & (free_variables(expression.term) - free_variables(term.expression())):
                return cls((expression,))  # what cancelled was to be summed over its levels
            return _summed(over, expression.over, term)
        if isinstance(expression, At):
            held = _held(dict(expression.levels), simplified(expression.term))
            return cls((held,)) if isinstance(held, At | Probability | Constant) else cls.of(held)
        return cls((expression,)).reduced()

    def expression(self) -> Expression:
        above = _product(self.top)
        return Fraction(above, _product(self.bottom)) if self.bottom else above

    def reduced(self) -> "_Quotient":
        """Without what cancels, with the chain rule applied, and without factors of 1."""
        top, bottom = list(self.top), list(self.bottom)
        if any(isinstance(f, Constant) and f.value == 0.0 for f in top):
            return _Quotient((Constant(0.0),))
        top, bottom = (
            [f for f in factors if not (isinstance(f, Constant) and f.value == 1.0) and not _is_one(f)]
            for factors in (top, bottom)
        )
        changed = True
        while changed:
            _cancel(top, bottom)
            changed = False
            while _join(top) or _join(bottom) or _divide(top, bottom):
                changed = bool(bottom)
        return _Quotient(tuple(top), tuple(bottom))


def _summed(over: Set, order: Sequence[str], term: _Quotient) -> _Quotient:
    """Σ over a quotient: margins are taken, factors that do not vary leave the sum."""
    start = term
    over = over & free_variables(term.expression())  # a sum over what does not occur stands for nothing
    left, term = _margins(over, term)
    if left - free_variables(term.expression()):  # Σ_z 1 would be the number of levels of z, which no term can say
        left, term = over, start
    if not left:
        return term
    inside = [f for f in term.top if left & free_variables(f)]
    below = [f for f in term.bottom if left & free_variables(f)]
    outside = [f for f in term.top if f not in inside]
    kept = Sum(tuple(n for n in order if n in left), _Quotient(tuple(inside), tuple(below)).expression())
    return _Quotient((*outside, kept), tuple(f for f in term.bottom if f not in below)).reduced()


def _margins(over: Set, term: _Quotient) -> tuple[Set, _Quotient]:
    """What is left to sum over when each variable that one probability alone holds is summed out of it."""
    free = [(factor, free_variables(factor)) for factor in (*term.top, *term.bottom)]
    for name in sorted(over):
        touching = [factor for factor, names in free if name in names]
        first = touching[0] if len(touching) == 1 else None
        if isinstance(first, Sum) and first in term.top:  # Σ_a Σ_b is one sum
            place = term.top.index(first)
            names = (name, *first.over)
            inner = _summed(frozenset(names), names, _split(first.term))
            if name not in free_variables(inner.expression()):
                top = (*term.top[:place], *inner.top, *term.top[place + 1 :])
                return _margins(over - {name}, _Quotient(top, (*term.bottom, *inner.bottom)).reduced())
        leaf = _leaf(first)
        if first is None or leaf is None or name not in leaf[0].of or first not in term.top:
            continue
        left = tuple(n for n in leaf[0].of if n != name)
        place = term.top.index(first)
        margin = (_with(replace(leaf[0], of=left), leaf[1]),) if left else ()
        smaller = _Quotient((*term.top[:place], *margin, *term.top[place + 1 :]), term.bottom).reduced()
        return _margins(over - {name}, smaller)
    return over, term


def _split(expression: Expression) -> _Quotient:
    """The factors of what is simplified already."""
    if isinstance(expression, Fraction):
        return _Quotient(_split(expression.numerator).top, _split(expression.denominator).top)
    return _Quotient(expression.factors if isinstance(expression, Product) else (expression,))


def _held(levels: Levels, term: Expression) -> Expression:
    """The term with some of its free variables at a level, written at each probability."""
    mine = {n: level for n, level in levels.items() if n in free_variables(term)}
    if not mine:
        return term
    if isinstance(term, At):
        return At(term.term, tuple(sorted({**mine, **dict(term.levels)}.items())))
    if isinstance(term, Probability):
        return At(term, tuple(sorted(mine.items())))
    if isinstance(term, Product):
        return Product(tuple(_held(mine, factor) for factor in term.factors))
    if isinstance(term, Fraction):
        return Fraction(_held(mine, term.numerator), _held(mine, term.denominator))
    if isinstance(term, Sum):  # what it binds is not free, so no level is lost or caught
        return Sum(term.over, _held(mine, term.term))
    return At(term, tuple(sorted(mine.items())))


def _cancel(top: list[Expression], bottom: list[Expression]) -> None:
    """Take out the factors that stand above and below."""
    if not top or not bottom:
        return
    below: dict[Key, list[Expression]] = {}
    for factor in bottom:
        below.setdefault(_key(factor), []).append(factor)
    for factor in list(top):
        same = below.get(_key(factor))
        if same:
            top.remove(factor)
            bottom.remove(same.pop())


def _join(factors: list[Expression]) -> bool:
    """P(a | b, c) P(b | c) -> P(a, b | c), once; whether there was such a pair."""
    leaves = [(factor, leaf) for factor in factors if (leaf := _leaf(factor)) is not None]
    by_given: dict[tuple[Regime, Set], list[tuple[Expression, tuple[Probability, Levels]]]] = {}
    for factor, leaf in leaves:
        by_given.setdefault((leaf[0].regime, frozenset(_given(leaf[0]))), []).append((factor, leaf))
    for second, other in leaves:
        after = frozenset({*other[0].of} | _given(other[0]))
        for first, one in by_given.get((other[0].regime, after), ()):
            if first is second or not _at_the_same_levels(one, other):
                continue
            place = min(factors.index(first), factors.index(second))
            factors.remove(first)
            factors.remove(second)
            joined = replace(other[0], of=(*other[0].of, *one[0].of))
            factors.insert(place, _with(joined, {**one[1], **other[1]}))
            return True
    return False


def _divide(top: list[Expression], bottom: list[Expression]) -> bool:
    """P(a, b | c) / P(b | c) -> P(a | b, c), once; whether there was such a pair."""
    for above, below in product(top, bottom):
        one, other = _leaf(above), _leaf(below)
        if one is None or other is None or not _at_the_same_levels(one, other):
            continue
        (joint, levels), (margin, _) = one, other
        same = joint.regime == margin.regime and _given(joint) == _given(margin)
        if same and set(margin.of) < set(joint.of):
            left = tuple(n for n in joint.of if n not in margin.of)
            moved = tuple(n for n in joint.of if n in margin.of)
            top[top.index(above)] = _with(Probability(left, (*joint.given, *moved), joint.regime), levels)
            bottom.remove(below)
            return True
    return False


def _leaf(expression: Expression | None) -> tuple[Probability, Levels] | None:
    """A probability and the levels at which its variables are held, if that is all there is."""
    if isinstance(expression, Probability):
        return expression, {}
    if isinstance(expression, At) and isinstance(expression.term, Probability):
        return expression.term, dict(expression.levels)
    return None


def _with(term: Probability, levels: Levels) -> Expression:
    held = tuple(sorted((n, level) for n, level in levels.items() if n in term.variables))
    return At(term, held) if held else term


def _at_the_same_levels(one: tuple[Probability, Levels], other: tuple[Probability, Levels]) -> bool:
    return all(one[1].get(n) == other[1].get(n) for n in one[0].variables & other[0].variables)


def _given(term: Probability) -> set[str]:
    return set(term.given) | set(term.regime.do)


def _is_one(factor: Expression) -> bool:
    leaf = _leaf(factor)
    return leaf is not None and not leaf[0].of


def _product(factors: Sequence[Expression]) -> Expression:
    if not factors:
        return Constant(1.0)
    sums_last = sorted(factors, key=lambda f: isinstance(f, Sum))
    return sums_last[0] if len(factors) == 1 else Product(tuple(sums_last))


def _key(expression: Expression) -> Key:
    """The same for expressions that differ in the order of names and factors only."""
    if isinstance(expression, Probability):
        given = tuple(sorted(_given(expression)))
        return ("P", tuple(sorted(expression.of)), given, str(expression.regime))
    parts = tuple(sorted((_key(part) for part in parts_of(expression)), key=repr))
    if isinstance(expression, Fraction):
        return ("/", _key(expression.numerator), _key(expression.denominator))
    if isinstance(expression, Sum):
        return ("sum", tuple(sorted(expression.over)), *parts)
    if isinstance(expression, At):
        return ("at", tuple(sorted(expression.levels)), *parts)
    return ("*", *parts) if parts else ("leaf", str(expression))
