"""Contrastive losses of images and captions over the pairs of a batch.

Row ``i`` of every score matrix is an image, column ``j`` a caption; the diagonal holds the pairs that belong together.
All of it is computed in float32 at least, also under autocast.
"""

import math
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from inlay.errors import InlayError
from inlay.types import TextFeatures, Tokens

_EPS = 1e-6  # of a norm; the usual 1e-8 is zero in half precision
_BUDGET = 2**25  # numbers in the largest tensor of word_scores (128 MiB); more is done in parts


def false_negatives(tokens: Tokens, label: Tensor | None = None) -> Tensor:
    """Pairs that must not count as negatives: their captions are equal, or their images are of one class.

    Args:
        tokens: the captions.
        label: ``(B,)`` classes, where there are any.

    Returns:
        ``(B, B)`` bool, symmetric. False on the diagonal: a pair is always its own positive.
    """
    ids = tokens["input_ids"].masked_fill(~tokens["attention_mask"], -1)  # what pads may be a token, too
    alike = (ids[:, None] == ids).all(dim=2)  # (B, B)
    if label is not None:
        alike = alike | (label[:, None] == label)
    return alike.fill_diagonal_(False)


def sentence_matching(
    image: Tensor,
    sentence: Tensor,
    duplicates: Tensor | None = None,
    gamma3: float = 10.0,
    captioned: Tensor | None = None,
) -> Tensor:
    """Contrastive loss of whole images and whole captions. Scalar >= 0, lower is better, 0 for a batch of one.

    ``CE(S, diagonal) + CE(S^T, diagonal)`` with ``S_ij = gamma3 * cos(image_i, sentence_j)``
    (DAMSM: Xu et al. 2018, AttnGAN, equations 11 to 13).

    Args:
        image: ``(B, D)``.
        sentence: ``(B, D)``.
        duplicates: ``(B, B)`` bool, True = no negative (see :func:`false_negatives`).
        gamma3: sharpness of the softmax.
        captioned: ``(B,)`` bool, False = an image without a caption: it counts neither as a pair nor as a negative.
    """
    with torch.autocast(image.device.type, enabled=False):  # in half precision cosines have three digits
        scores = gamma3 * _unit(_wide(image)) @ _unit(_wide(sentence)).mT  # (B, B)
        return _contrast(scores, duplicates, captioned)


def word_scores(regions: Tensor, words: Tensor, word_mask: Tensor, gamma1: float = 5.0, gamma2: float = 5.0) -> Tensor:
    """Similarity of each image to the words of each caption. Higher is better.

    For every word, the regions are weighted by their similarity to it: ``region . word`` through a softmax over the
    caption's words, then ``gamma1`` times that through a softmax over the regions. With ``c_w`` their weighted sum,
    ``R = log sum_w exp(gamma2 * cos(w, c_w))`` (Xu et al. 2018, equations 7 to 10).

    Args:
        regions: ``(B, D, H, W)`` features of places.
        words: ``(C, T, D)`` features of words.
        word_mask: ``(C, T)`` bool, True = a word; at least one in each row.
        gamma1: sharpness of the attention to regions.
        gamma2: how much the best word outweighs the others.

    Returns:
        ``(B, C)``.
    """
    with torch.autocast(regions.device.type, enabled=False):
        places, words = _wide(regions).flatten(2), _wide(words)  # (B, D, R)
        picture = words.shape[0] * words.shape[1] * max(places.shape[1:])  # numbers that one picture needs
        parts = torch.split(places, max(1, _BUDGET // picture))
        given = words, word_mask, gamma1, gamma2
        if len(parts) == 1:
            return _word_scores(places, *given)
        # Each part is computed again in the backward pass, so that only one is ever held; it draws no random numbers.
        again = partial(checkpoint, _word_scores, use_reentrant=False, preserve_rng_state=False)
        return torch.cat([again(part, *given) for part in parts])


def _word_scores(places: Tensor, words: Tensor, word_mask: Tensor, gamma1: float, gamma2: float) -> Tensor:
    grid = (len(places), *word_mask.shape)  # (B, C, T)
    every = words.flatten(0, 1)  # (C*T, D)
    energy = (every @ places).reshape(*grid, -1)  # (B, C, T, R)
    shares = energy.masked_fill(~word_mask[:, :, None], -math.inf).softmax(dim=2)
    weights = (gamma1 * shares).softmax(dim=3)
    contexts = weights.flatten(1, 2) @ places.mT  # (B, C*T, D)
    likeness = (_unit(contexts) * _unit(every)).sum(dim=2).reshape(grid)  # (B, C, T)
    return (gamma2 * likeness).masked_fill(~word_mask, -math.inf).logsumexp(dim=2)


def word_matching(
    regions: Tensor,
    words: Tensor,
    word_mask: Tensor,
    duplicates: Tensor | None = None,
    gamma1: float = 5.0,
    gamma2: float = 5.0,
    gamma3: float = 10.0,
    captioned: Tensor | None = None,
) -> Tensor:
    """Contrastive loss of image regions and the words of captions. Scalar >= 0, lower is better, 0 for one pair.

    ``CE(gamma3 * R, diagonal) + CE(gamma3 * R^T, diagonal)`` with ``R`` and the first arguments of
    :func:`word_scores`, the other arguments of :func:`sentence_matching`.
    """
    scores = gamma3 * word_scores(regions, words, word_mask, gamma1, gamma2)
    return _contrast(scores, duplicates, captioned)


def info_nce(
    image: Tensor,
    text: Tensor,
    duplicates: Tensor | None = None,
    temperature: float = 0.07,
    captioned: Tensor | None = None,
) -> Tensor:
    """Symmetric InfoNCE, the mean of both directions (Radford et al. 2021, CLIP). Scalar >= 0, 0 for a batch of one.

    Cosines are divided by the ``temperature``; the other arguments are those of :func:`sentence_matching`.
    """
    return sentence_matching(image, text, duplicates, 1.0 / temperature, captioned) / 2


class MatchingLoss(nn.Module):
    """``words * L_words + sentence * L_sentence``: what a text-image model (DAMSM) is trained on.

    Args:
        words: weight of :func:`word_matching`; with 0 it is not computed.
        sentence: weight of :func:`sentence_matching`; with 0 it is not computed.
        gamma1: sharpness of a word's attention to regions.
        gamma2: how much the best word outweighs the others.
        gamma3: sharpness of the softmax over the batch.

    Raises:
        InlayError: a weight is negative, both are 0, or a gamma is not positive.
    """

    def __init__(
        self, words: float = 1.0, sentence: float = 1.0, gamma1: float = 4.0, gamma2: float = 5.0, gamma3: float = 10.0
    ) -> None:
        super().__init__()
        if not (min(words, sentence) >= 0 and 0 < words + sentence < math.inf):
            raise InlayError(
                f"loss.words={words} and loss.sentence={sentence}: weights must be finite and at least 0, not both 0."
            )
        check_gammas("loss", gamma1, gamma2, gamma3)
        self.words, self.sentence = words, sentence
        self.gamma1, self.gamma2, self.gamma3 = gamma1, gamma2, gamma3

    def forward(
        self,
        regions: Tensor,
        whole: Tensor,
        text: TextFeatures,
        duplicates: Tensor | None = None,
        captioned: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Compare the images of a batch with its captions.

        Args:
            regions: ``(B, D, H, W)`` features of places.
            whole: ``(B, D)`` features of images.
            text: of the captions.
            duplicates: see :func:`false_negatives`.
            captioned: see :func:`sentence_matching`.

        Returns:
            The weighted sum (scalar), and each term by name before its weight (scalars without gradient).
        """
        terms = {}
        if self.words:
            gammas = self.gamma1, self.gamma2, self.gamma3
            terms["words"] = word_matching(regions, text.words, text.word_mask, duplicates, *gammas, captioned)
        if self.sentence:
            terms["sentence"] = sentence_matching(whole, text.sentence, duplicates, self.gamma3, captioned)
        total = torch.stack([getattr(self, name) * value for name, value in terms.items()]).sum()
        return total, {name: value.detach() for name, value in terms.items()}


def check_gammas(group: str, gamma1: float, gamma2: float, gamma3: float) -> None:
    """Refuse a sharpness that is no positive number, with an :class:`InlayError` that names its setting."""
    for name, value in {"gamma1": gamma1, "gamma2": gamma2, "gamma3": gamma3}.items():
        if not 0 < value < math.inf:
            raise InlayError(f"{group}.{name} must be positive and finite (4 to 10 is usual), got {value}.")


def _contrast(scores: Tensor, duplicates: Tensor | None, captioned: Tensor | None) -> Tensor:
    """Cross entropy of the diagonal in both directions, over the pairs that count."""
    pairs = torch.arange(len(scores), device=scores.device)
    counted = torch.ones_like(pairs, dtype=torch.bool) if captioned is None else captioned
    left_out = ~(counted[:, None] & counted)
    if duplicates is not None:
        left_out = left_out | duplicates
    left_out = left_out & (pairs[:, None] != pairs)  # the diagonal stays, so that every row has a finite score
    scores = scores.masked_fill(left_out, -math.inf)
    # Images that look for their captions, and captions that look for their images.
    losses = F.cross_entropy(scores, pairs, reduction="none") + F.cross_entropy(scores.mT, pairs, reduction="none")
    return torch.where(counted, losses, 0.0).sum() / counted.sum().clamp(min=1)  # a selection: NaN times 0 is NaN


def _wide(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _unit(x: Tensor) -> Tensor:
    return F.normalize(x, dim=-1, eps=_EPS)
