"""What a ranker knows of a user and a candidate: what the sources say, who both are, and how they fit."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.feature_hashing import features_of, hashed_features, number_bins
from dorec.recommend.pairwise import binary_history

N_BUCKETS = 2048
N_COMPONENTS = 8  # of each side's features


@dataclass(frozen=True, eq=False)
class RankerFeatures:
    """The features of pairs that do not come from a source, from the interactions of a dataset.

    Of the user: log length of the history, mean log popularity of its items, components of the user's features. Of the
    item: log popularity, components of its features. Of both: how far the item's popularity is from the user's mean,
    and the cosine of the item's features with those of the history.

    Example:
        >>> data = Dataset.from_interactions({"u": [1, 1, 2], "i": [7, 8, 7]}, user="u", item="i")
        >>> RankerFeatures(data).of(np.array([0, 1]), np.array([0, 1])).shape
        (2, 4)
    """

    dataset: Dataset

    @cached_property
    def history(self) -> sparse.csr_matrix:
        """Who has what, (n_users, n_items)."""
        return binary_history(self.dataset)

    @cached_property
    def _popularity(self) -> FloatArray:
        return _centred_log(np.bincount(self.history.indices, minlength=self.dataset.n_items))

    @cached_property
    def _activity(self) -> FloatArray:
        return _centred_log(np.diff(self.history.indptr))

    @cached_property
    def _usual(self) -> FloatArray:
        return np.asarray((self.history @ self._popularity) / np.maximum(np.diff(self.history.indptr), 1))

    @cached_property
    def _hashed(self) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        users, items = (self._hashed_side(side) for side in ("users", "items"))
        return users, items

    @cached_property
    def _components(self) -> tuple[FloatArray, FloatArray]:
        users, items = (components(side) for side in self._hashed)
        return users, items

    @cached_property
    def _profile(self) -> sparse.csr_matrix:
        return _rows_of_length_one((self.history @ self._hashed[1]).tocsr())

    @cached_property
    def _content(self) -> sparse.csr_matrix:
        return _rows_of_length_one(self._hashed[1])

    @property
    def size(self) -> int:
        """Number of features."""
        return self.of(np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)).shape[1]

    def of(self, user: IntArray, item: IntArray) -> FloatArray:
        """Features (p, f) of pairs of positions (p,) and (p,)."""
        popular = self._popularity[item]
        parts = [self._activity[user], self._usual[user], popular, popular - self._usual[user]]
        columns = [np.column_stack(parts)]
        if self._hashed[1].nnz:
            near = np.asarray(self._profile[user].multiply(self._content[item]).sum(axis=1))
            columns += [near.reshape(-1, 1), self._components[1][item]]
        if self._hashed[0].nnz:
            columns.append(self._components[0][user])
        return np.hstack(columns)

    def table(self, users: IntArray) -> FloatArray:
        """Features of users and every item, (u, n_items, f): what `of` says pair by pair."""
        shape = (len(users), self.dataset.n_items)
        popular, usual = np.broadcast_to(self._popularity, shape), self._usual[users][:, None]
        parts = [np.broadcast_to(self._activity[users][:, None], shape), np.broadcast_to(usual, shape)]
        columns = [np.stack([*parts, popular, popular - usual], axis=-1)]
        if self._hashed[1].nnz:
            near = np.asarray((self._profile[users] @ self._content.T).todense())
            columns += [near[:, :, None], np.broadcast_to(self._components[1], (*shape, self._components[1].shape[1]))]
        if self._hashed[0].nnz:
            own = self._components[0][users][:, None, :]
            columns.append(np.broadcast_to(own, (*shape, own.shape[2])))
        return np.concatenate(columns, axis=-1)

    def _hashed_side(self, side: str) -> sparse.csr_matrix:
        table, ids = features_of(self.dataset, side)
        return hashed_features(table, ids, number_bins(table, ids), N_BUCKETS)


def components(features: sparse.csr_matrix) -> FloatArray:
    """The strongest directions of sparse features (n, b), at most N_COMPONENTS of them.

    >>> components(sparse.csr_matrix(np.eye(3, 4))).shape
    (3, 2)
    """
    from sklearn.utils.extmath import randomized_svd

    k = min(N_COMPONENTS, min(features.shape) - 1)
    if k < 1 or not features.nnz:
        return np.zeros((features.shape[0], 0))
    u, size, _ = randomized_svd(features.astype(np.float64), n_components=k, random_state=0)
    real = size > 1e-6 * size[0]  # the rest is rounding error, which a ranker would blow up to unit variance
    return np.asarray(u[:, real] * size[real])


def _centred_log(counts: AnyArray) -> FloatArray:
    """log(1 + count) less its mean, so that it means the same on a part of the data and on all."""
    logs = np.log1p(counts.astype(np.float64))
    return np.asarray(logs - logs.mean())


def _rows_of_length_one(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    length = np.sqrt(np.asarray(matrix.power(2).sum(axis=1)).ravel())
    return (sparse.diags_array(1.0 / np.maximum(length, 1e-12)) @ matrix).tocsr()
