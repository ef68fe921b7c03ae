"""A shop whose truth can be asked: tastes, a recommender that chooses what is seen, vouchers, and a funnel."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from dorec.domain.errors import ConfigError, InputError, UnknownItem, UnknownUser
from dorec.domain.event_log import EventLog
from dorec.domain.graph import CausalGraph
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.protocols import Policy
from dorec.domain.study import Study
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.rng import generator
from dorec.simulate.behaviour import Behaviour, Shop, draw
from dorec.simulate.catalogue import Catalogue, make_catalogue
from dorec.simulate.funnel import Odds, chunks, examination, odds, slate_propensities, spend_per_session
from dorec.simulate.impression_table import DRIVERS, impression_graph, impression_table
from dorec.simulate.shop_tables import event_table, item_table, promotion_table, unit_table, user_table
from dorec.simulate.shoppers import Shoppers, make_shoppers, voucher_probability
from dorec.simulate.shown_lists import ListValue, events_of_lists, expected_of_lists

if TYPE_CHECKING:
    import pyarrow as pa

Reward = Literal["view", "purchase"]
STUDY_COVARIATES = (
    "age_band",
    "region",
    "device",
    "tenure_days",
    "activity",
    "price_sensitivity",
    "sessions_before",
    "views_before",
    "spend_before",
)


@dataclass(frozen=True)
class ShopWorld:
    """A simulated shop of a few weeks. Every table is a draw; every truth is exact, from the probabilities themselves.

    Users see slates that a known, taste-driven policy filled, and search for items of their own accord. Half-way, some
    users get a voucher, the more active the likelier. It brings most users to the shop and some away from it.

    Args:
        n_users: number of users.
        n_items: number of items, at least `slate_size`.
        seed: of the shop: its users, items, tastes.
        n_days: length of the log; the promotion runs over its second half.
        slate_size: items shown in a session.
        epsilon: share of pure chance in the shop's policy.
        confounding: how strongly activity decides who gets a voucher; 0 makes it a fair coin, that is an experiment.
        replica: another draw of behaviour and vouchers in the same shop.

    Example:
        >>> world = ShopWorld(n_users=200, n_items=40, seed=1)
        >>> round(world.true_ate(), 2), world.events().event_counts["impression"]
        (3.17, 10945)
        >>> shown = world.true_effect(np.array(["u000000"]), np.array(["i00003"]))
        >>> bool(0 < shown[0] < 1)
        True
    """

    n_users: int = 2_000
    n_items: int = 300
    seed: int = 0
    n_days: int = 28
    slate_size: int = 5
    epsilon: float = 0.1
    confounding: float = 1.0
    replica: int = 0

    discount = 0.1  # on what a user with a voucher pays; not a setting
    policy_id = "shop-softmax-1"

    def __post_init__(self) -> None:
        bounds = {
            "n_users": self.n_users >= 2,
            "n_items": self.n_items >= self.slate_size,
            "n_days": self.n_days >= 2,
            "slate_size": self.slate_size >= 1,
            "epsilon": 0 < self.epsilon <= 1,
            "confounding": self.confounding >= 0,
        }
        for name, good in bounds.items():
            if not good:
                raise ConfigError(
                    f"{name} is {getattr(self, name)}; a ShopWorld needs 2 users and days, as many items as places in "
                    "a slate, epsilon in (0, 1] so that every item can be shown, and confounding of 0 or more."
                )

    # -- what a shop would have -----------------------------------------------------------------------------------

    def events(self) -> EventLog:
        """The log: impressions with position (from 0), propensity and policy; views, carts, purchases, ratings."""
        return EventLog.from_table(self.event_table())

    def event_table(self) -> "pa.Table":
        """The same events in memory, in the order of time."""
        return event_table(self._shop, self._behaviour, self._paid, self.policy_id)

    def items(self) -> "pa.Table":
        """One row an item: item_id, title, category, price."""
        return item_table(self._catalogue)

    def users(self) -> "pa.Table":
        """One row a user: user_id and what was observed before the log began."""
        return user_table(self._people)

    def promotions(self) -> "pa.Table":
        """One row a user: user_id, treatment (voucher or none), start and end: first and last day of the promotion."""
        return promotion_table(self._people, self._treated, self._shop)

    def units(self) -> "pa.Table":
        """One row a user: features, behaviour before the promotion, treatment, its probability, spend in its window."""
        return unit_table(self._people, self._behaviour, self._paid, self._treated, self._assignment)

    def study(self, *, with_propensity: bool = False) -> Study:
        """What the voucher does to spend in its window, given covariates from before; the known propensity on demand.

        Example:
            >>> ShopWorld(n_users=200, n_items=40, seed=1).study().arms
            ('none', 'voucher')
        """
        return Study.from_table(
            self.units(),
            outcome="spend_in_window",
            treatment="treatment",
            covariates=STUDY_COVARIATES,
            control="none",
            unit="user_id",
            propensity=["propensity_none", "propensity_voucher"] if with_propensity else None,
        )

    def feedback(
        self, reward: Reward = "view", *, position: int | None = None, max_rows: int | None = None
    ) -> LoggedFeedback:
        """Each impression as a decision of the shop's policy: action = item, with its exact propensity.

        Args:
            reward: what counts as success of an impression.
            position: keep one place of the slates; all by default.
            max_rows: keep the first so many rows.

        Example:
            >>> log = ShopWorld(n_users=50, n_items=20, seed=1).feedback(position=0)
            >>> log.n_actions, bool(abs((1 / 20 / log.propensity).mean() - 1) < 0.2)
            (20, True)
        """
        rows = self._rows(position, max_rows)
        shown, sessions = self._behaviour.impressions, self._behaviour.sessions
        user = sessions.user[shown.session[rows]]
        promoted = sessions.in_window[shown.session[rows]] & self._treated[user]
        features = self._people.features()[0][user]
        place = shown.place[rows]
        return LoggedFeedback(
            context=np.concatenate([features, place[:, None], promoted[:, None]], axis=1),
            action=shown.item[rows],
            reward=(shown.viewed if reward == "view" else shown.bought)[rows].astype(np.float64),
            propensity=shown.propensity[rows],
            n_actions=self.n_items,
            position=place,
            cluster=user,
            action_labels=tuple(self._catalogue.ids.tolist()),
        )

    def impressions(self) -> "pa.Table":
        """One row an impression before the promotion: place, what drove it, and whether it was viewed, carted, bought.

        `liking`, `quality` and `dearness` are what no shop has: with them the table's graph is known, see `graph`.

        Example:
            >>> ShopWorld(n_users=50, n_items=20, seed=1).impressions().column_names[-3:]
            ['viewed', 'carted', 'bought']
        """
        return impression_table(self._shop, self._behaviour)

    def show(self, lists: AnyArray, *, visit: int = 0) -> "pa.Table":
        """One session of every user with a given list: user_id, item_id, event, position; the loop's next events.

        Args:
            lists: item ids, or places in `items()`, (n_users, k), best first; None or -1 leaves a place empty.
            visit: another number, another draw.

        Example:
            >>> world = ShopWorld(n_users=50, n_items=20, seed=1)
            >>> events = world.show(np.tile([3, 4], (50, 1)))
            >>> events.column("event").to_pylist().count("impression")
            100
        """
        rng = generator(self.seed, "shown lists", self.replica, visit)
        return events_of_lists(self._people, self._catalogue, self._list_places(lists), rng)

    # -- the truth ------------------------------------------------------------------------------------------------

    def true_ate(self) -> float:
        """Average effect of the voucher on a user's spend in the window, exactly (no Monte Carlo)."""
        return float(self.true_unit_effects().mean())

    def true_unit_effects(self) -> FloatArray:
        """Expected spend in the window with the voucher, less without it, for each user, (n_users,), exactly.

        Example:
            >>> effects = ShopWorld(n_users=200, n_items=40, seed=1).true_unit_effects()
            >>> effects.shape, bool(effects.min() < 0 < effects.mean())
            ((200,), True)
        """
        without, with_voucher = self._expected_spend
        return with_voucher - without

    def graph(self, hidden: Sequence[str] = ()) -> CausalGraph:
        """The causal graph of `impressions`; drivers that are `hidden` become hidden common causes.

        What is shown hangs on liking and popularity, so drivers depend on each other in ways that the graph leaves
        out, unless `epsilon` is 1: then chance alone chooses.

        Example:
            >>> ShopWorld().graph(hidden=["liking"]).bidirected
            (('carted', 'viewed'),)
        """
        strangers = [name for name in hidden if name not in DRIVERS]
        if strangers:
            raise InputError(f"hidden names {', '.join(strangers)}; drivers that can be hidden: {', '.join(DRIVERS)}.")
        return impression_graph(hidden=tuple(hidden))

    def true_effect(self, users: AnyArray, items: AnyArray, *, position: int = 0) -> FloatArray:
        """What showing the item raises the user's probability to buy it in that session, pair by pair, (n,), exactly.

        Small for an item that the user would have searched for anyway. No voucher is assumed.

        Args:
            users: ids, or places in `users()`.
            items: ids, or places in `items()`.
            position: place of the slate, from 0.
        """
        u = _places(users, self._people.ids, UnknownUser, "users")
        i = _places(items, self._catalogue.ids, UnknownItem, "items")
        look = examination(self.slate_size)[position]
        out = np.empty(len(u))
        distinct, row = np.unique(u, return_inverse=True)
        for part in chunks(len(distinct)):
            table = odds(self._people, self._catalogue, distinct[part])
            mine = np.flatnonzero((row >= part[0]) & (row <= part[-1]))
            at = (row[mine] - part[0], i[mine])
            out[mine] = (1 - table.intent[at]) * look * table.attract[at] * table.cart[at] * table.buy[at]
        return out

    def true_list_value(self, lists: AnyArray) -> ListValue:
        """Expected views, purchases and added purchases of each user in a session with a list, (n_users,), exactly.

        Args:
            lists: as in `show`.

        Example:
            >>> world = ShopWorld(n_users=50, n_items=20, seed=1)
            >>> found = world.true_list_value(np.tile([3, 4], (50, 1)))
            >>> round(float(found.purchases.mean()), 3), round(float(found.added_purchases.mean()), 3)
            (0.064, 0.06)
        """
        return expected_of_lists(self._people, self._catalogue, self._list_places(lists))

    def true_value(
        self,
        policy: AnyArray | Policy,
        reward: Reward = "view",
        *,
        position: int | None = None,
        max_rows: int | None = None,
    ) -> float:
        """Expected reward of an impression under a policy, at the logged contexts of `feedback(reward, ...)`, exactly.

        Args:
            policy: probabilities of the items: (n_items,) for all, (n_users, n_items), or (n, n_items) in the order of
                `feedback`; or a Policy, asked at the contexts of `feedback`.
            reward: as in `feedback`.
            position: as in `feedback`.
            max_rows: as in `feedback`.

        Example:
            >>> world = ShopWorld(n_users=50, n_items=20, seed=1)
            >>> round(world.true_value(np.full(20, 1 / 20)), 3)
            0.091
        """
        rows = self._rows(position, max_rows)
        if isinstance(policy, Policy):
            policy = policy.propensities(self.feedback(reward, position=position, max_rows=max_rows).context)
        policy = np.asarray(policy, dtype=np.float64)
        if policy.shape == (self.n_items,):
            policy = np.broadcast_to(policy, (self.n_users, self.n_items))
        shown, sessions = self._behaviour.impressions, self._behaviour.sessions
        user = sessions.user[shown.session[rows]]
        promoted = sessions.in_window[shown.session[rows]] & self._treated[user]
        look = examination(self.slate_size)[shown.place[rows]]
        row_of = self._policy_rows(policy, user)
        total = 0.0
        for part in chunks(self.n_users):
            lower, upper = np.searchsorted(user, [part[0], part[-1] + 1])
            table = odds(self._people, self._catalogue, part)
            for start in range(lower, upper, 16_384):
                r = np.arange(start, min(start + 16_384, upper))
                success = _success(table, user[r] - part[0], promoted[r], reward)
                total += float(np.einsum("ij,ij,i->", policy[row_of[r]], success, look[r]))
        return total / len(rows)

    def outcomes(self, *, voucher: bool) -> FloatArray:
        """Spend in the window, (n_users,), had everyone or no one had the voucher, by common random numbers."""
        treated = np.full(self.n_users, voucher)
        behaviour = draw(self._shop, treated)
        paid = _paid(behaviour, self._catalogue, treated, self.discount)
        sessions = behaviour.sessions
        user, now = sessions.user[behaviour.visits.session], sessions.in_window[behaviour.visits.session]
        return np.asarray(np.bincount(user, weights=paid * now, minlength=self.n_users), dtype=np.float64)

    def describe(self) -> str:
        """What is confounded with what, and what would set it right, in words.

        Example:
            >>> print(ShopWorld(confounding=0.0).describe().splitlines()[0])
            Vouchers go to users by a fair coin: the difference of means is the effect.
        """
        vouchers = (
            "Vouchers go to users by a fair coin: the difference of means is the effect."
            if self.confounding == 0
            else "Vouchers go to active users of the app more often, and active users spend more anyway: the naive "
            "difference is too large. Assignment depends on observed features alone, so adjusting for them suffices."
        )
        return "\n".join(
            [
                vouchers,
                "The voucher's effect differs: thrifty users buy more, long-standing users over 55 stay away.",
                "Popular items are shown more, and higher up, and users see what suits them: views per item mix "
                "quality with exposure, place and taste. The logged propensities are exact and set it right.",
                "Users search for what they want anyway: a purchase after an impression is not all the work of the "
                "impression.",
            ]
        )

    # -- inside ---------------------------------------------------------------------------------------------------

    @cached_property
    def _people(self) -> Shoppers:
        return make_shoppers(self.n_users, self.seed)

    @cached_property
    def _catalogue(self) -> Catalogue:
        return make_catalogue(self.n_items, self.slate_size, self.seed)

    @cached_property
    def _shop(self) -> Shop:
        return Shop(
            people=self._people,
            items=self._catalogue,
            slate_size=self.slate_size,
            epsilon=self.epsilon,
            n_days=self.n_days,
            window_from=self.n_days // 2,
            seed=self.seed,
            replica=self.replica,
        )

    @cached_property
    def _assignment(self) -> FloatArray:
        return voucher_probability(self._people, self.confounding)

    @cached_property
    def _treated(self) -> BoolArray:
        u = generator(self.seed, "vouchers", self.replica).random(self.n_users)
        return np.asarray(u < self._assignment)

    @cached_property
    def _behaviour(self) -> Behaviour:
        return draw(self._shop, self._treated)

    @cached_property
    def _paid(self) -> FloatArray:
        return _paid(self._behaviour, self._catalogue, self._treated, self.discount)

    @cached_property
    def _expected_spend(self) -> tuple[FloatArray, FloatArray]:
        people, shop = self._people, self._catalogue
        without, with_voucher = np.empty(self.n_users), np.empty(self.n_users)
        for users in chunks(self.n_users):
            shown = slate_propensities(people, shop, users, self.slate_size, self.epsilon)
            table = odds(people, shop, users)
            without[users], with_voucher[users] = spend_per_session(table, shown, shop.price, self.discount)
        sessions = people.rate * (self.n_days - self.n_days // 2)
        return sessions * without, sessions * people.visit_ratio * with_voucher

    def _list_places(self, lists: AnyArray) -> IntArray:
        given = np.asarray(lists)
        if given.ndim != 2 or len(given) != self.n_users or not given.shape[1]:
            raise InputError(f"lists has shape {given.shape}; give (n_users, k) = ({self.n_users}, k), k from 1 on.")
        if given.dtype.kind in "iu":
            empty = given == -1
        else:
            empty = np.frompyfunc(lambda item: item is None, 1, 1)(given.astype(object)).astype(bool)
        out = np.full(given.shape, -1, dtype=np.int64)
        out[~empty] = _places(given[~empty], self._catalogue.ids, UnknownItem, "items")
        return out

    def _rows(self, position: int | None, max_rows: int | None) -> IntArray:
        place = self._behaviour.impressions.place
        if position is not None and not 0 <= position < self.slate_size:
            raise InputError(f"position is {position}; places of the slate are 0..{self.slate_size - 1}.")
        rows = np.arange(len(place)) if position is None else np.flatnonzero(place == position)
        return rows[:max_rows]

    def _policy_rows(self, policy: FloatArray, user: IntArray) -> IntArray:
        """The row of the policy for each decision, (n,)."""
        if policy.shape == (len(user), self.n_items):
            return np.arange(len(user))
        if policy.shape == (self.n_users, self.n_items):
            return user
        raise InputError(
            f"The policy has shape {policy.shape}; give ({self.n_items},), ({self.n_users}, {self.n_items}) for users "
            f"or ({len(user)}, {self.n_items}) for the rows of feedback."
        )


def _success(table: Odds, user: IntArray, promoted: BoolArray, reward: Reward) -> FloatArray:
    """Probability that an impression which is looked at succeeds, (n, m)."""
    viewed = table.intent[user] + (1 - table.intent[user]) * table.attract[user]
    if reward == "view":
        return viewed
    buy = np.where(promoted[:, None], table.buy_with_voucher[user], table.buy[user])
    return np.asarray(viewed * table.cart[user] * buy)


def _paid(behaviour: Behaviour, shop: Catalogue, treated: BoolArray, discount: float) -> FloatArray:
    """Money paid at each visit, (v,)."""
    visits, sessions = behaviour.visits, behaviour.sessions
    promoted = sessions.in_window[visits.session] & treated[sessions.user[visits.session]]
    price = shop.price[visits.item] * np.where(promoted, 1.0 - discount, 1.0)
    return np.where(visits.bought, np.round(price, 2), 0.0)


def _places(given: AnyArray, ids: AnyArray, error: type[InputError], what: str) -> IntArray:
    asked = np.atleast_1d(np.asarray(given))
    if asked.dtype.kind in "iu":
        bad = (asked < 0) | (asked >= len(ids))
        place = asked.astype(np.int64)
    else:
        text = asked.astype(str)
        place = np.minimum(np.searchsorted(ids, text), len(ids) - 1)
        bad = ids[place] != text
    if bad.any():
        raise error(f"{asked[bad][0]!r} is not among the {len(ids):,} {what}; they run from {ids[0]} to {ids[-1]}.")
    return np.asarray(place, dtype=np.int64)
