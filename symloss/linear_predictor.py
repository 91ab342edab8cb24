"""A loss as a function of the weights of a linear predictor, in the shapes that SciPy's minimisers call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """The matrix X, dense or SciPy sparse, perhaps with a column of ones after its last: a map and its transpose."""

    rows: Any
    leading: tuple[int, ...]
    """The shape of X without its columns; ``rows`` has these axes in one."""
    has_intercept: bool

    @property
    def width(self) -> int:
        """Columns, with that of the intercept."""
        return int(self.rows.shape[1]) + self.has_intercept

    def matrix_of(self, w: ArrayLike, name: str = "w") -> Floats:
        """Flat weights as a matrix with a row for each column. Raises ValueError where they don't fit."""
        flat = np.asarray(w, dtype=np.float64)
        if flat.ndim != 1 or not flat.size or flat.size % self.width:
            with_intercept = " and an intercept" if self.has_intercept else ""
            raise ValueError(
                f"{name} has shape {flat.shape}; X has {self.width - self.has_intercept} columns{with_intercept}, so "
                f"{name} must be flat, of size {self.width}, or {self.width} times the number of scores per row"
            )
        return flat.reshape(self.width, -1)

    def times(self, matrix: Floats) -> Floats:
        """X W: one score for each row, or a last axis of several."""
        scores = self.rows @ matrix[: self.rows.shape[1]]
        if self.has_intercept:
            scores = scores + matrix[-1]
        return np.asarray(scores).reshape(self.leading if matrix.shape[1] == 1 else (*self.leading, matrix.shape[1]))

    def transposed_times(self, entries: Floats) -> Floats:
        """Xᵀ of entries of the scores' shape, flat like the weights."""
        by_row = entries.reshape(self.rows.shape[0], -1)
        pulled = np.asarray(self.rows.T @ by_row)
        if self.has_intercept:
            pulled = np.vstack([pulled, by_row.sum(axis=0)])
        return pulled.ravel()

    def gram(self, weight: Floats) -> Floats:
        """Xᵀ diag(weight) X, square in the width."""
        weighted = self.rows.multiply(weight[:, None]) if self.is_sparse else self.rows * weight[:, None]
        inner = self.rows.T @ weighted
        inner = inner.toarray() if self.is_sparse else inner
        if not self.has_intercept:
            return inner
        border = np.asarray(self.rows.T @ weight)[:, None]
        return np.block([[inner, border], [border.T, np.array([[weight.sum()]])]])

    def spread(self, slopes: Floats) -> Floats:
        """The gradient of every row, xᵢ ⊗ slopeᵢ, a matrix with a row for each row of X."""
        rows = self.rows.toarray() if self.is_sparse else self.rows
        if self.has_intercept:
            rows = np.hstack([rows, np.ones((len(rows), 1))])
        return np.einsum("ni,nk->nik", rows, slopes).reshape(len(rows), -1)

    @property
    def is_sparse(self) -> bool:
        """Whether X is SciPy's, known by its method rather than by an import of SciPy."""
        return hasattr(self.rows, "toarray")


@dataclass(frozen=True)
class LinearPredictor:
    """Raw score = X w + offset, the loss of it, and its derivatives with respect to w.

    ``w`` is flat, as SciPy has it. With as many entries as X has columns (one more with an intercept, which comes
    last) there is one score for each row of X. With K times as many there are K scores for each row, and
    ``w.reshape(-1, K)`` has a row for each column of X. Every function takes ``w``, ``y_true`` and optionally
    ``sample_weight``; ``scipy.optimize.minimize`` passes the latter two through ``args=``.

    With m the mean or the sum of the loss, the value is m + ½ Σ l2·w²; an intercept is not penalised. Raises
    ValueError for weights or offsets that don't fit X, and what the module of the loss raises for its arguments.
    """

    module: ModuleType
    is_elementwise: bool
    has_one_axis: bool
    design: Design
    offset: Floats | None
    l2: Floats  # of every column, without the intercept
    reduction: str
    keywords: Mapping[str, Any]  # parameters and extra inputs of the loss

    def scores(self, w: ArrayLike) -> Floats:
        """The raw scores X w + offset: shape of X without its columns, then K where there are K for each row."""
        scores = self.design.times(self.design.matrix_of(w))
        if self.offset is None:
            return scores
        if self.offset.shape != scores.shape:
            raise ValueError(f"offset has shape {self.offset.shape}, but the scores have shape {scores.shape}")
        return scores + self.offset

    def predict(self, w: ArrayLike) -> Floats:
        """The inverse link of the scores, where the loss declares a link, else the scores."""
        inverse_link = getattr(self.module, "inverse_link", None)
        return self.scores(w) if inverse_link is None else inverse_link(self.scores(w))

    def value(self, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """The penalised loss."""
        return float(self._called("loss", w, y_true, sample_weight)) + self._penalty(w)

    def gradient(self, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> Floats:
        """∂value/∂w = Xᵀ ∂m/∂score + l2·w, shape of w: ``jac=``."""
        slopes = self._called("gradient", w, y_true, sample_weight)
        return self.design.transposed_times(slopes) + self._pull(w)

    def value_and_gradient(
        self, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> tuple[float, Floats]:
        """Both, sharing all work: the function to minimise with ``jac=True``."""
        loss, slopes = self._called("loss_and_gradient", w, y_true, sample_weight)
        return float(loss) + self._penalty(w), self.design.transposed_times(slopes) + self._pull(w)

    def hessian_vector_product(
        self, w: ArrayLike, vector: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Floats:
        """The Hessian times a vector without the Hessian, shape of w: ``hessp=``."""
        direction = self.design.times(self.design.matrix_of(vector, "vector"))
        if self.is_elementwise:
            moved = self._called("hessian", w, y_true, sample_weight) * direction
        else:
            moved = self._called("hessian_vector_product", w, y_true, sample_weight, vector=direction)
        return self.design.transposed_times(moved) + self._penalties(w) * np.asarray(vector, dtype=np.float64)

    def hessian(self, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> Floats:
        """Xᵀ (∂²m/∂score²) X + diag(l2), square in the size of w: ``hess=``."""
        matrix = self.design.matrix_of(w)
        if not self._has_own_rows(matrix):
            products = [self.hessian_vector_product(w, unit, y_true, sample_weight) for unit in np.eye(matrix.size)]
            return np.array(products)
        width, count = matrix.shape
        whole = np.zeros((width, count, width, count))
        blocks = self._blocks(w, y_true, sample_weight, count)
        for first, second in np.ndindex(count, count):
            if first <= second and (first == second or not self.is_elementwise):
                block = self.design.gram(np.ascontiguousarray(blocks[:, first, second]))
                whole[:, first, :, second], whole[:, second, :, first] = block, block
        return whole.reshape(matrix.size, matrix.size) + np.diag(self._penalties(w))

    def refined(self, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> Floats:
        """One Newton step from w, shape of w.

        A minimiser that compares values stops where they no longer change, at half the digits of a float in w; from
        there one step with gradient and Hessian gives nearly all of them. Raises ValueError as :meth:`covariance`.
        """
        inverse = _inverse(self.hessian(w, y_true, sample_weight), self.design.matrix_of(w).shape[1])
        return np.asarray(w, dtype=np.float64) - inverse @ self.gradient(w, y_true, sample_weight)

    def covariance(
        self,
        w: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        dispersion: float = 1.0,
        robust: bool = False,
    ) -> Floats:
        """The asymptotic covariance of w at the minimum, square in the size of w.

        The inverse of the Hessian of the sum (the observed information, a penalty included) times ``dispersion``,
        which is 1 where the loss is a negative log-likelihood. ``robust`` gives the sandwich H⁻¹ (Σ gᵢ gᵢᵀ) H⁻¹ of
        Huber (1967) and White (1982), which needs independent rows and no likelihood. Weights multiply the terms of H
        and every gᵢ. Where all K scores of a row may be shifted together (softmax without a penalty), w is that whose
        rows sum to 0, and contrasts between scores have the covariance that they would have in any other choice.
        Raises ValueError where the Hessian is not positive definite otherwise: columns that depend on each other, a
        minimum at infinity or elsewhere.
        """
        matrix = self.design.matrix_of(w)
        if robust and not self._has_own_rows(matrix):
            raise ValueError("robust=True needs rows of X that the loss does not couple")
        total = self._total(w, y_true, sample_weight)
        inverse = _inverse(self.hessian(w, y_true, sample_weight) * total, matrix.shape[1])
        if not robust:
            return inverse * dispersion
        slopes = self._called("gradient", w, y_true, sample_weight) * total
        each = self.design.spread(slopes.reshape(-1, matrix.shape[1]))
        return inverse @ (each.T @ each) @ inverse

    def standard_errors(
        self,
        w: ArrayLike,
        y_true: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        dispersion: float = 1.0,
        robust: bool = False,
    ) -> Floats:
        """The square roots of the diagonal of :meth:`covariance`, shape of w."""
        covariance = self.covariance(w, y_true, sample_weight, dispersion=dispersion, robust=robust)
        return np.sqrt(np.diagonal(covariance))

    def _called(
        self, function: str, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None, **more: Any
    ) -> Any:
        keywords = {"reduction": self.reduction, **self.keywords, **more}
        return getattr(self.module, function)(y_true, self.scores(w), sample_weight=sample_weight, **keywords)

    def _has_own_rows(self, matrix: Floats) -> bool:
        """Whether the scores of one row of X meet those of no other."""
        return self.is_elementwise or (self.has_one_axis and matrix.shape[1] > 1)

    def _blocks(self, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None, count: int) -> Floats:
        """Second derivatives of every row of X by its own scores: rows × K × K."""
        if not self.is_elementwise:
            return self._called("hessian_full", w, y_true, sample_weight).reshape(-1, count, count)
        diagonal = self._called("hessian", w, y_true, sample_weight).reshape(-1, count)
        return diagonal[:, :, None] * np.eye(count)

    def _total(self, w: ArrayLike, y_true: ArrayLike, sample_weight: ArrayLike | None) -> float:
        """What the mean was divided by."""
        if self.reduction == "sum":
            return 1.0
        if sample_weight is not None:
            return float(np.sum(sample_weight))
        return float(np.size(self._called("loss", w, y_true, None, reduction="none")))

    def _penalties(self, w: ArrayLike) -> Floats:
        """The factor l2 of every weight, 0 for an intercept."""
        matrix = self.design.matrix_of(w)
        every = np.append(self.l2, 0.0) if self.design.has_intercept else self.l2
        return np.repeat(every, matrix.shape[1])

    def _pull(self, w: ArrayLike) -> Floats:
        return self._penalties(w) * np.asarray(w, dtype=np.float64)

    def _penalty(self, w: ArrayLike) -> float:
        return float(self._pull(w) @ np.asarray(w, dtype=np.float64)) / 2


def linear_predictor(
    module: ModuleType,
    X: ArrayLike,
    *,
    is_elementwise: bool,
    has_one_axis: bool,
    offset: ArrayLike | None,
    intercept: bool,
    l2: ArrayLike,
    reduction: str,
    keywords: Mapping[str, Any],
) -> LinearPredictor:
    """Check the arrays that don't depend on w; raises ValueError."""
    design = _design(X, intercept)
    if reduction not in ("mean", "sum"):
        raise ValueError(f"reduction is {reduction!r}; a function of w is a 'mean' or a 'sum'")
    penalties = np.asarray(l2, dtype=np.float64)
    columns = int(design.rows.shape[1])
    if penalties.shape not in ((), (columns,)) or not (np.isfinite(penalties).all() and (penalties >= 0).all()):
        raise ValueError(f"l2 is {l2!r}; give one finite number of at least 0, or one for each of {columns} columns")
    shift = None if offset is None else _finite(np.asarray(offset, dtype=np.float64), "offset")
    spread = np.broadcast_to(penalties, (columns,)).copy()
    return LinearPredictor(module, is_elementwise, has_one_axis, design, shift, spread, reduction, keywords)


def _design(X: Any, intercept: bool) -> Design:
    if hasattr(X, "toarray"):
        rows = X.tocsr().astype(np.float64)
        _finite(rows.data, "X")
        return Design(rows, (rows.shape[0],), intercept)
    dense = _finite(np.asarray(X, dtype=np.float64), "X")
    if dense.ndim < 2 or 0 in dense.shape:
        raise ValueError(f"X has shape {dense.shape}; it needs rows and columns, like (n, d)")
    return Design(dense.reshape(-1, dense.shape[-1]), dense.shape[:-1], intercept)


def _finite(array: Floats, name: str) -> Floats:
    if not np.isfinite(array).all():
        raise ValueError(f"{name} has entries that are not finite")
    return array


def _inverse(information: Floats, count: int) -> Floats:
    """Inverse of a positive definite matrix, scaled to ones on its diagonal first, which units of columns ask for.

    Directions that shift all ``count`` scores of a column and are not felt are left out: with P the projector on
    them, (H + P)⁻¹ - P is the inverse on the rest.
    """
    diagonal = np.diagonal(information).reshape(-1, count)
    scale = np.repeat(np.sqrt(diagonal.mean(axis=1)), count)
    if not (np.isfinite(information).all() and (diagonal > 0).all()):
        raise ValueError(_NOT_DEFINITE.format(np.min(diagonal)))
    scaled = information / np.outer(scale, scale)
    tolerance = len(scaled) * np.finfo(np.float64).eps
    shifts = np.kron(np.eye(len(scaled) // count), np.ones((1, count)) / np.sqrt(count))
    unfelt = shifts[np.abs(scaled @ shifts.T).max(axis=0) <= tolerance] if count > 1 else shifts[:0]
    projector = unfelt.T @ unfelt
    smallest = np.linalg.eigvalsh(scaled + projector)[0]
    if not smallest > tolerance:
        raise ValueError(_NOT_DEFINITE.format(smallest))
    return (np.linalg.inv(scaled + projector) - projector) / np.outer(scale, scale)


_NOT_DEFINITE = (
    "the Hessian is not positive definite (about {:.3g} at unit diagonal), so w has no covariance: "
    "drop columns that others explain, add l2, or minimise first"
)
