"""Listwise losses of a batch: scores [b, n], gains [b, n] ≥ 0 and mask [b, n] of what is a candidate, as torch tensors.

Every list has a gain above zero; a padded place counts for nothing. Each loss is a mean over the lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from etalage.core import onnx

_LOW: Final = -1e9
_WEIGHT: Final = 10.0
"""µ of NDCG-Loss2++: how much the difference of neighbouring ranks weighs beside that of the two products' own."""


def softmax(scores: Any, gains: Any, mask: Any) -> Any:
    """Cross-entropy of the scores' softmax with the gains' shares (ListNet, Cao et al. 2007; for graded gains Bruch et al. 2019)."""
    torch = onnx.extra("torch")
    shares = gains / gains.sum(dim=1, keepdim=True)
    return -(shares * torch.log_softmax(scores.masked_fill(~mask, _LOW), dim=1)).sum(dim=1).mean()


def lambdaloss(scores: Any, gains: Any, mask: Any) -> Any:
    """NDCG-Loss2++ (Wang et al. 2018): logistic loss of every pair, weighted by what nDCG gains by its right order."""
    torch = onnx.extra("torch")
    masked = scores.masked_fill(~mask, _LOW)
    ranks = masked.detach().argsort(dim=1, descending=True).argsort(dim=1) + 1
    size = scores.shape[1]
    discount = torch.log2(torch.arange(1, size + 2, dtype=scores.dtype) + 1)
    ideal = (gains.sort(dim=1, descending=True).values / discount[:size]).sum(dim=1)
    apart = (ranks[:, :, None] - ranks[:, None, :]).abs().clamp(min=1)
    inverse = 1 / discount
    own = (inverse[ranks - 1][:, :, None] - inverse[ranks - 1][:, None, :]).abs()
    between = inverse[apart - 1] - inverse[apart]
    difference = gains[:, :, None] - gains[:, None, :]
    weights = difference.clamp(min=0) * (own + _WEIGHT * between) * (mask[:, :, None] & mask[:, None, :])
    pairs = torch.nn.functional.softplus(masked[:, None, :] - masked[:, :, None])
    return ((weights * pairs).sum(dim=(1, 2)) / ideal).mean()


def listmle(scores: Any, gains: Any, mask: Any) -> Any:
    """Likelihood of the order by gain (ListMLE, Xia et al. 2008), of the places with a gain: the others are alike."""
    order = gains.masked_fill(~mask, -1.0).sort(dim=1, descending=True, stable=True)
    sorted_scores = scores.masked_fill(~mask, _LOW).gather(1, order.indices)
    rest = sorted_scores.flip(1).logcumsumexp(dim=1).flip(1)
    told = order.values > 0
    return ((rest - sorted_scores) * told).sum(dim=1).div(told.sum(dim=1)).mean()


LOSSES: Final[Mapping[str, Callable[[Any, Any, Any], Any]]] = {
    "softmax": softmax, "lambdaloss": lambdaloss, "listmle": listmle,
}  # fmt: skip
