import math

import pytest
import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pad_sequence

from inlay.errors import InlayError
from inlay.losses import contrastive
from inlay.losses.contrastive import (
    MatchingLoss,
    false_negatives,
    info_nce,
    sentence_matching,
    word_matching,
    word_scores,
)
from inlay.types import TextFeatures, Tokens

B, T, D, SIDE = 4, 5, 6, 3


def tokens(*captions):
    """Captions as lists of numbers, padded with 0."""
    lists = [torch.tensor(caption) for caption in captions]
    attended = pad_sequence([torch.ones_like(one, dtype=torch.bool) for one in lists], batch_first=True)
    return Tokens(input_ids=pad_sequence(lists, batch_first=True), attention_mask=attended, words=attended)


@pytest.fixture
def given():
    """Regions, words, word mask, pictures, sentences in float64; captions of 5, 3, 1 and 4 words."""
    mask = torch.arange(T) < torch.tensor([5, 3, 1, 4])[:, None]
    regions, words = torch.randn(B, D, SIDE, SIDE).double(), torch.randn(B, T, D).double()
    whole, sentence = torch.randn(2, B, D).double()
    return regions, words, mask, whole, sentence


DUPLICATES = torch.zeros(B, B, dtype=torch.bool)
DUPLICATES[0, 2] = DUPLICATES[2, 0] = True


def cosine(a, b):
    return float(a @ b / (a.norm() * b.norm()))


def plain_score(regions, words, gamma1, gamma2):
    """One picture, one caption, number by number: (D, H, W) and (T, D) without padding."""
    places = list(regions.flatten(1).mT)
    shares = [plain_softmax([float(word @ place) for word in words]) for place in places]
    total = 0.0
    for t, word in enumerate(words):
        weights = plain_softmax([gamma1 * share[t] for share in shares])
        context = sum(weight * place for weight, place in zip(weights, places, strict=True))
        total += math.exp(gamma2 * cosine(word, context))
    return math.log(total)


def plain_softmax(numbers):
    exps = [math.exp(number) for number in numbers]
    return [value / sum(exps) for value in exps]


def plain_scores(regions, words, mask, gamma1=5.0, gamma2=5.0):
    return torch.tensor(
        [[plain_score(r, w[m], gamma1, gamma2) for w, m in zip(words, mask, strict=True)] for r in regions]
    ).double()


def plain_contrast(scores, excluded=DUPLICATES & False, counted=range(B)):
    """-log of the own caption's share, and of the own picture's, averaged over the pairs that count."""
    losses = []
    for i in counted:
        rivals = [i, *(j for j in counted if j != i and not excluded[i, j])]
        losses += [-math.log(plain_softmax(given[i, rivals].tolist())[0]) for given in (scores, scores.mT)]
    return torch.tensor(sum(losses) / len(counted)).double()


def plain_cosines(image, text):
    return torch.tensor([[cosine(a, b) for b in text] for a in image]).double()


def test_same_captions_or_classes_are_no_negatives():
    captions = tokens([3, 1], [3], [3, 1], [3, 1, 2])
    assert false_negatives(captions).nonzero().tolist() == [[0, 2], [2, 0]]
    labelled = false_negatives(captions, torch.tensor([0, 1, 2, 1]))
    assert labelled.nonzero().tolist() == [[0, 2], [1, 3], [2, 0], [3, 1]]
    assert not false_negatives(tokens([3, 0], [3])).any()  # a word 0 is not the 0 that pads another caption
    captions["input_ids"][1, 1] = 9  # padding does not tell captions apart
    assert false_negatives(captions).nonzero().tolist() == [[0, 2], [2, 0]]


@pytest.mark.parametrize("excluded", [DUPLICATES & False, DUPLICATES], ids=["all pairs", "duplicates"])
def test_losses_are_those_of_a_plain_loop(given, excluded):
    regions, words, mask, whole, sentence = given
    by_words = plain_contrast(7 * plain_scores(regions, words, mask, 4.0, 3.0), excluded)
    torch.testing.assert_close(word_matching(regions, words, mask, excluded, 4.0, 3.0, 7.0), by_words)
    cosines = plain_cosines(whole, sentence)
    torch.testing.assert_close(sentence_matching(whole, sentence, excluded, 7.0), plain_contrast(7 * cosines, excluded))
    torch.testing.assert_close(info_nce(whole, sentence, excluded, 0.2), plain_contrast(cosines / 0.2, excluded) / 2)


def test_pictures_without_a_caption_count_nowhere_and_a_batch_of_them_costs_nothing(given):
    regions, words, mask, whole, sentence = given
    captioned = torch.tensor([True, False, True, True])
    expected = plain_contrast(10 * plain_scores(regions, words, mask), DUPLICATES, counted=[0, 2, 3])
    torch.testing.assert_close(word_matching(regions, words, mask, DUPLICATES, captioned=captioned), expected)
    expected = plain_contrast(10 * plain_cosines(whole, sentence), counted=[0, 2, 3])
    torch.testing.assert_close(sentence_matching(whole, sentence, captioned=captioned), expected)
    loss = sentence_matching(whole.requires_grad_(), sentence, captioned=captioned & False)
    loss.backward()
    assert loss == whole.grad.abs().max() == 0


def losses_of(regions, words, mask, *both):
    return torch.stack([word_matching(regions, words, mask), sentence_matching(*both), info_nce(*both)])


def test_nothing_to_tell_apart(given):
    assert torch.equal(losses_of(*(x[:1] for x in given)), torch.zeros(3).double())
    regions, words, mask, whole, sentence = given
    duplicates = ~torch.eye(B, dtype=torch.bool)
    assert word_matching(regions, words, mask, duplicates) == sentence_matching(whole, sentence, duplicates) == 0


def test_word_scores_are_those_of_a_plain_loop_and_padding_never_counts(given):
    regions, words, mask, *_ = given
    longer = torch.cat([words, torch.full((B, 3, D), 1e4).double()], dim=1)
    poisoned = torch.where(F.pad(mask, (0, 3))[:, :, None], longer, 1e4)
    found = word_scores(regions[:3], poisoned, F.pad(mask, (0, 3)), 4.0, 2.0)
    torch.testing.assert_close(found, plain_scores(regions[:3], words, mask, 4.0, 2.0))


def test_gradients_are_those_of_finite_differences(given):
    regions, words, mask, *both = (x[:3].clone() for x in given)
    regions, excluded = regions[..., :2].contiguous().requires_grad_(), DUPLICATES[:3, :3]
    assert torch.autograd.gradcheck(lambda r, w: word_matching(r, w, mask, excluded), (regions, words.requires_grad_()))
    vectors = [x.requires_grad_() for x in both]
    assert torch.autograd.gradcheck(lambda i, s: sentence_matching(i, s, excluded), vectors)
    assert torch.autograd.gradcheck(lambda i, s: info_nce(i, s, excluded, 0.5), vectors)


def test_parts_equal_the_whole(given, monkeypatch):
    """A large batch is done in parts; neither the value nor the gradient shows it."""

    def value_and_gradient():
        regions, words = (x.clone().requires_grad_() for x in given[:2])
        loss = word_matching(regions, words, given[2])
        loss.backward()
        return loss, regions.grad, words.grad

    expected, calls = value_and_gradient(), []
    part = contrastive._word_scores
    monkeypatch.setattr(contrastive, "_BUDGET", 3 * B * T * SIDE * SIDE)
    monkeypatch.setattr(contrastive, "_word_scores", lambda *given: (calls.append(len(given[0])), part(*given))[1])
    torch.testing.assert_close(value_and_gradient(), expected)
    assert calls[:2] == [3, 1]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-4, 1.0, 100.0])
def test_half_precision_costs_no_more_than_its_inputs_whatever_the_length_of_vectors(given, dtype, scale):
    half = [x if x.dtype == torch.bool else (x * scale).to(dtype).requires_grad_() for x in given]
    with torch.autocast("cpu", dtype=dtype):
        answer = losses_of(*half)
    assert answer.dtype == torch.float32
    torch.testing.assert_close(answer, losses_of(*(x if x.dtype == torch.bool else x.float() for x in half)))
    answer.sum().backward()
    assert answer.isfinite().all()
    assert all(x.grad.isfinite().all() for x in half if x.requires_grad)


def test_compiled_equals_eager(given):
    torch.compiler.reset()
    torch.testing.assert_close(torch.compile(losses_of, backend="aot_eager", fullgraph=True)(*given), losses_of(*given))


@pytest.mark.parametrize("weights", [(0.5, 2.0), (1.0, 0.0), (0.0, 1.0)])
def test_weighted_sum_of_the_terms_whose_weight_is_not_0(given, weights):
    regions, words, mask, whole, sentence = given
    read = TextFeatures(words, sentence.requires_grad_(), mask)
    total, terms = MatchingLoss(*weights)(regions.requires_grad_(), whole, read, DUPLICATES)
    by_words = word_matching(regions, words, mask, DUPLICATES, 4.0, 5.0, 10.0)
    by_sentence = sentence_matching(whole, sentence, DUPLICATES, 10.0)
    expected = {"words": by_words.detach(), "sentence": by_sentence.detach()}
    kept = [name for name, weight in zip(expected, weights, strict=True) if weight]
    torch.testing.assert_close(terms, {name: expected[name] for name in kept})
    torch.testing.assert_close(total, weights[0] * by_words + weights[1] * by_sentence)
    assert total.requires_grad
    assert not any(term.requires_grad for term in terms.values())


@pytest.mark.parametrize("weights", [(0.0, 0.0), (-1.0, 2.0), (math.nan, 1.0), (math.inf, 1.0)])
def test_weights_that_train_nothing_are_refused(weights):
    with pytest.raises(InlayError, match=r"loss\.words=.*loss\.sentence=.*not both 0"):
        MatchingLoss(*weights)


@pytest.mark.parametrize("gamma", ["gamma1", "gamma2", "gamma3"])
@pytest.mark.parametrize("value", [0.0, -5.0, math.nan])
def test_gammas_are_positive(gamma, value):
    with pytest.raises(InlayError, match=rf"loss\.{gamma} must be positive.*got {value}"):
        MatchingLoss(**{gamma: value})
