"""What the stations hand each other: small protocols, so that a plug-in needs no base class."""

from typing import Any, Protocol, TypeVar, runtime_checkable

from dorec.domain.dataset import Dataset
from dorec.domain.estimate import Estimate, Interval
from dorec.domain.graph import CausalGraph
from dorec.domain.item_list import ItemList
from dorec.domain.knowledge import Knowledge
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

Data = TypeVar("Data", contravariant=True)
Fitted = TypeVar("Fitted", covariant=True)


class Learner(Protocol[Data, Fitted]):
    """A frozen dataclass whose fields are the hyperparameters; `fit` gives a new frozen object and changes nothing."""

    def fit(self, data: Data, *, context: RunContext = ...) -> Fitted:
        """What was learned from the data."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """A fitted recommender."""

    @property
    def dataset(self) -> Dataset:
        """What it was fitted on: vocabularies and seen items."""
        ...

    def score(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items) of users given by their position in the vocabulary."""
        ...

    def recommend(self, users: Any, k: int = 10, *, exclude_seen: bool = True) -> ItemList:
        """The k best items for each user id; users that were never seen get the fallback, marked."""
        ...


@runtime_checkable
class EffectModel(Protocol):
    """A fitted estimator of effects. Contrasts are of each arm with the first, in the order of `arms`."""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        ...

    def ate(self) -> Estimate:
        """Average effect: scalar for two arms, (k - 1,) for k arms."""
        ...

    def arm_means(self) -> Estimate:
        """Mean outcome had everyone been in each arm, (k,)."""
        ...

    def effect(self, covariates: FloatArray) -> FloatArray:
        """Effect given covariates (n, p): (n,) for two arms, (n, k - 1) for k arms."""
        ...

    def interval(self, covariates: FloatArray, level: float = 0.95) -> Interval:
        """Pointwise interval of the effect given covariates; refused with NoInterval where there is none that holds."""
        ...

    @property
    def scores(self) -> FloatArray:
        """The orthogonal score of each unit and arm, (n, k): its column means are the arm means."""
        ...


Recommender = Learner[Dataset, Scorer]
EffectLearner = Learner[Study, EffectModel]


class Discoverer(Protocol):
    """table + knowledge -> graph."""

    def discover(self, table: Any, knowledge: Knowledge | None = None, context: RunContext = ...) -> CausalGraph:
        """The graph that the data, under the method's assumptions, support."""
        ...


class Refuter(Protocol):
    """study + learner + estimate -> verdict: whether the estimate survives an attack."""

    def refute(self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = ...) -> Verdict:
        """What the attack found."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Chooses an arm or item for each unit, with a known probability."""

    def propensities(self, covariates: AnyArray) -> FloatArray:
        """Probability of each action, (n, n_actions); rows sum to one."""
        ...


PolicyLearner = Learner[LoggedFeedback, Policy]


class PolicyJudge(Protocol):
    """feedback + policy -> value: an off-policy estimator."""

    def evaluate(self, feedback: LoggedFeedback, propensities: AnyArray | Policy) -> Estimate:
        """The expected reward of a policy, given as (n, n_actions) or asked at the logged contexts."""
        ...
