"""Users of the simulated shop: what the shop knows of them, and what it does not."""

from dataclasses import dataclass

import numpy as np

from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.rng import generator
from dorec.simulate.catalogue import TASTES

AGE_BANDS = ("18-34", "35-54", "55+")
REGIONS = ("north", "south", "east", "west")
DEVICES = ("web", "app")


@dataclass(frozen=True, eq=False)
class Shoppers:
    """Observed features first; taste, rate, thrift and the response to a voucher are latent."""

    ids: AnyArray  # (n,) text
    age: IntArray  # (n,) place in AGE_BANDS
    region: IntArray  # (n,)
    device: IntArray  # (n,)
    tenure_days: IntArray  # (n,)
    activity: IntArray  # (n,) sessions in the four weeks before the log begins
    price_sensitivity: FloatArray  # (n,) from a survey: thrift, with error
    taste: FloatArray  # (n, TASTES)
    rate: FloatArray  # (n,) sessions a day
    thrift: FloatArray  # (n,)
    visit_ratio: FloatArray  # (n,) sessions with a voucher over sessions without one
    voucher_pull: FloatArray  # (n,) what a voucher adds to the log odds of buying what lies in the cart

    @property
    def n(self) -> int:
        """Number of users."""
        return len(self.ids)

    def features(self) -> tuple[FloatArray, tuple[str, ...]]:
        """Observed features as numbers, (n, 9), and their names."""
        columns = {
            "age 35-54": self.age == 1,
            "age 55+": self.age == 2,
            "region south": self.region == 1,
            "region east": self.region == 2,
            "region west": self.region == 3,
            "device app": self.device == 1,
            "tenure years": self.tenure_days / 365.0,
            "log activity": np.log1p(self.activity),
            "price sensitivity": self.price_sensitivity,
        }
        return np.stack([np.asarray(c, dtype=np.float64) for c in columns.values()], axis=1), tuple(columns)


def make_shoppers(n_users: int, seed: int) -> Shoppers:
    """The users of a seed.

    Example:
        >>> people = make_shoppers(500, seed=0)
        >>> people.n, bool(np.corrcoef(people.activity, people.rate)[0, 1] > 0.8)
        (500, True)
    """
    rng = generator(seed, "shoppers")
    age = rng.choice(3, size=n_users, p=[0.35, 0.4, 0.25])
    region = rng.choice(4, size=n_users, p=[0.3, 0.3, 0.2, 0.2])
    device = (rng.random(n_users) < np.array([0.7, 0.5, 0.25])[age]).astype(np.int64)
    tenure = np.ceil(rng.exponential(500, size=n_users)).astype(np.int64)
    thrift = rng.normal(size=n_users) * 0.8 + np.array([0.3, 0.0, -0.3])[age]
    rate = 0.27 * np.exp(0.5 * rng.normal(size=n_users) + 0.3 * device)
    leaning = rng.normal(size=(3, TASTES)), rng.normal(size=(4, TASTES))
    taste = 0.5 * leaning[0][age] + 0.3 * leaning[1][region] + 0.7 * rng.normal(size=(n_users, TASTES))
    irritated = (age == 2) & (tenure > 400)
    return Shoppers(
        ids=np.array([f"u{i:06d}" for i in range(n_users)]),
        age=age,
        region=region,
        device=device,
        tenure_days=tenure,
        activity=rng.poisson(28 * rate),
        price_sensitivity=thrift + 0.4 * rng.normal(size=n_users),
        taste=taste,
        rate=rate,
        thrift=thrift,
        visit_ratio=np.exp(0.25 + 0.12 * thrift - 0.6 * irritated),
        voucher_pull=0.8 + 0.45 * thrift - 0.6 * irritated,
    )


def voucher_probability(people: Shoppers, confounding: float) -> FloatArray:
    """Probability of a voucher given observed features alone, (n,); one half for all where `confounding` is 0.

    Example:
        >>> voucher_probability(make_shoppers(2, seed=0), 0.0).tolist()
        [0.5, 0.5]
    """
    score = 1.1 * (np.log1p(people.activity) - 2.0) + 0.5 * (people.device - 0.5) - 0.4 * (people.age == 2)
    share = 1.0 / (1.0 + np.exp(-confounding * score))
    return np.clip(share, 0.05, 0.95)
