import numpy as np

from dorec.numeric.entropy_order import entropy, entropy_order


def plainly(columns, precedes):
    """Every pair compared, as the paper has it."""
    left, order = list(range(len(columns))), []
    x = columns.copy()

    def alone(u):
        log_cosh, bump = np.log(np.cosh(u)).mean(), (u * np.exp(-(u**2) / 2)).mean()
        return (1 + np.log(2 * np.pi)) / 2 - 79.047 * (log_cosh - 0.37457) ** 2 - 7.4129 * bump**2

    def rest(a, b):
        out = a - np.cov(a, b, bias=True)[0, 1] / b.var() * b
        return out / out.std()

    while left:
        z = {i: (x[i] - x[i].mean()) / x[i].std() for i in left}
        sums = {
            i: sum(
                min(0, alone(z[j]) + alone(rest(z[i], z[j])) - alone(z[i]) - alone(rest(z[j], z[i]))) ** 2
                for j in left
                if j != i
            )
            for i in left
            if not any(precedes[j, i] for j in left)
        }
        first = min(sums, key=sums.get)
        order.append(first)
        left.remove(first)
        for i in left:
            x[i] = x[i] - np.cov(x[i], x[first], bias=True)[0, 1] / x[first].var() * x[first]
    return order


def test_best_first_gives_the_order_of_all_pairs():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        columns = rng.laplace(size=(6, 400))
        columns += np.tril(rng.normal(size=(6, 6)), -1) @ columns
        none = np.zeros((6, 6), dtype=bool)
        some = none.copy()
        some[5, 0] = True
        for precedes in (none, some):
            assert entropy_order(columns.copy(), precedes).tolist() == plainly(columns, precedes)


def test_a_long_column_keeps_its_precision():
    u = np.random.default_rng(0).normal(size=100_001)
    u = (u - u.mean()) / u.std()
    log_cosh, bump = np.log(np.cosh(u)).mean(), (u * np.exp(-(u**2) / 2)).mean()
    expected = (1 + np.log(2 * np.pi)) / 2 - 79.047 * (log_cosh - 0.37457) ** 2 - 7.4129 * bump**2
    assert abs(entropy(u) - expected) < 1e-10
