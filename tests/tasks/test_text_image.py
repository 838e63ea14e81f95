"""The text-image model in training, on colors with names."""

import itertools
import math
import statistics
from functools import partial

import pytest
import pytorch_lightning as pl
import torch
from torch.optim.lr_scheduler import ConstantLR
from torch.utils.data import DataLoader

from inlay.errors import InlayError
from inlay.losses.contrastive import MatchingLoss, false_negatives, sentence_matching, word_matching
from inlay.models.damsm import DAMSM
from inlay.runs.library_warnings import silence_warnings
from inlay.tasks.text_image import Retrieval, TextImageTask, r_precision
from inlay.text import GRUEncoder
from inlay.text_image import DAMSMTextImage

COLORS = {"red": 0, "green": 1, "blue": 2}
CAPTIONS = [f"{bright} {color}" for color in COLORS for bright in ("dark", "pale")]
NETWORK = {"trunk": "resnet18", "weights": "random", "dim": 8, "size": 32}
READER = {"vocabulary": ["red", "green", "blue", "dark", "pale"], "dim": 8, "embedding": 8}


def sample(caption):
    bright, color = caption.split()
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(len(caption))) * 0.1
    image[COLORS[color]] += {"dark": 0.3, "pale": 0.8}[bright]
    return {"image": image, "caption": caption, "mask": torch.zeros(1, 32, 32), "id": caption}


def collate(samples, tokenizer, **more):
    stacked = {key: torch.stack([s[key] for s in samples]) for key in ("image", "mask")}
    named = {key: [s[key] for s in samples] for key in ("caption", "id")}
    return {**stacked, **named, "tokens": tokenizer(named["caption"]), **more}


def task(loss=None, text="own", lr=0.01, **options):
    config = {
        "model": {"_target_": "inlay.models.damsm.DAMSM", **NETWORK, **options},
        "text": {"_target_": "inlay.text.GRUEncoder", **READER},
    }
    rates = {"optimizer": partial(torch.optim.Adam, lr=lr), "scheduler": partial(ConstantLR, factor=1.0)}
    read = GRUEncoder(**READER) if text == "own" else text
    net = DAMSM(**NETWORK | options)
    return TextImageTask(net, loss or MatchingLoss(), config=config, text=read, gradient_clip=0.25, **rates)


def batch_for(module, *captions, **more):
    return collate([sample(caption) for caption in captions or CAPTIONS], module.text.tokenizer, **more)


def trainer(**options):
    silence_warnings()
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return pl.Trainer(**{"accelerator": "cpu", "enable_checkpointing": False} | quiet | options)


def loader(module):
    samples = [sample(caption) for caption in CAPTIONS]
    return DataLoader(samples, batch_size=6, collate_fn=partial(collate, tokenizer=module.text.tokenizer))


def fit(module, **options):
    run = trainer(num_sanity_val_steps=0, **options)
    run.fit(module, loader(module), loader(module))
    return run


def score(module):
    return trainer().validate(module, loader(module), verbose=False)[0]


@pytest.mark.slow
def test_pictures_find_their_captions():
    module = task(lr=0.03)
    before = score(module)
    fit(module, max_epochs=120, check_val_every_n_epoch=120)
    after = score(module)
    assert set(after) == {"val/loss", "val/words", "val/sentence", "val/r_precision"}
    assert before["val/r_precision"] < 0.7
    assert after["val/r_precision"] == 1
    assert after["val/loss"] < 0.1 * before["val/loss"]


def test_logs_the_loss_its_terms_and_the_rate():
    logged = fit(task(lr=0.003), max_steps=1, limit_val_batches=0).logged_metrics
    assert set(logged) == {"train/loss", "train/words", "train/sentence", "train/lr", "train/grad_norm"}
    assert logged["train/lr"] == pytest.approx(0.003)
    assert logged["train/loss"] == pytest.approx(float(logged["train/words"] + logged["train/sentence"]))


def test_loss_is_that_of_both_encoders():
    module = task(MatchingLoss(words=0.5, sentence=2.0)).eval()
    batch = batch_for(module, *CAPTIONS, CAPTIONS[0], label=torch.tensor([0, 0, 1, 2, 3, 4, 5]))
    image, text = module.net(batch["image"]), module.text(batch["tokens"])
    duplicates = false_negatives(batch["tokens"], batch["label"])
    assert duplicates.sum() == 4
    words = word_matching(image.regions, text.words, text.word_mask, duplicates, 4.0, 5.0, 10.0)
    sentence = sentence_matching(image.whole, text.sentence, duplicates, 10.0)
    torch.testing.assert_close(module.batch_loss(batch).total, 0.5 * words + 2 * sentence)


def test_heads_and_text_are_trained_and_the_frozen_trunk_is_not():
    module = task()
    before = {name: value.clone() for name, value in [*module.named_parameters(), *module.net.trunk.named_buffers()]}
    optimizer = module.configure_optimizers()["optimizer"]
    module.train().batch_loss(batch_for(module)).total.backward()
    optimizer.step()
    now = dict([*module.named_parameters(), *module.net.trunk.named_buffers()])
    changed = {name for name in before if not torch.equal(now[name], before[name])}
    parameters = {name for name, _ in module.named_parameters()}
    assert changed == {name for name in parameters if not name.startswith(("net.trunk.", "text.null_"))}
    assert {name.split(".")[0] for name in changed} == {"net", "text"}
    assert module.tokenizers() == {"tokens": module.text.tokenizer}
    given = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert given == {id(p) for p in module.parameters() if p.requires_grad}
    whole = task(trainable=True).train()
    whole.batch_loss(batch_for(whole)).total.backward()
    assert all(p.grad.abs().sum() > 0 for p in whole.net.parameters())


def test_picture_without_a_caption_teaches_nothing():
    module = task().eval()
    batch, more = batch_for(module), batch_for(module, *CAPTIONS, CAPTIONS[0])
    more["tokens"] = module.text.tokenizer([*CAPTIONS, ""])
    torch.testing.assert_close(module.batch_loss(more).total, module.batch_loss(batch).total)


@pytest.mark.parametrize("trainable", [False, True])
def test_checkpoint_is_all_that_a_text_image_model_needs(tmp_path, trainable):
    module = task(trainable=trainable)
    fit(module, max_steps=1).save_checkpoint(tmp_path / "run.ckpt")
    torch.manual_seed(1)
    text_image = DAMSMTextImage(str(tmp_path / "run.ckpt"))
    image, tokens = torch.rand(2, 3, 32, 32), text_image.tokenizer(CAPTIONS)
    expected = tuple(map(tuple, module.eval()(image, tokens)))
    torch.testing.assert_close((tuple(text_image.encode_image(image)), tuple(text_image.encode_text(tokens))), expected)


def test_what_cannot_be_compared_is_answered_with_what_to_choose():
    module = task()
    batch = batch_for(module)
    del batch["tokens"]
    with pytest.raises(InlayError, match=r"text=lstm.*dataset with captions"):
        module.batch_loss(batch)
    for options, said in (({"text": None}, "text=lstm"), ({"dim": 16}, r"model\.dim and text\.dim")):
        with pytest.raises(InlayError, match=said):
            task(**options)


def plain_r_precision(image, sentence, caption, label, rivals):
    """The mean over pictures of the share, among all draws of rivals, of those that the own caption beats."""
    shares = []
    for i, picture in enumerate(image):
        cosines = torch.cosine_similarity(picture[None], sentence)
        others = [j for j in range(len(image)) if caption[j] != caption[i] and (label is None or label[j] != label[i])]
        draws = itertools.combinations(others, min(rivals, len(others)))
        shares.append(statistics.mean(all(cosines[j] < cosines[i] for j in draw) for draw in draws))
    return statistics.mean(shares)


def vectors(count=9):
    sentence = torch.randn(count, 4)
    return sentence + torch.randn(count, 4), sentence


@pytest.mark.parametrize("rivals", [1, 3, 99])
@pytest.mark.parametrize("labelled", [False, True])
def test_r_precision_is_the_mean_over_all_draws(rivals, labelled):
    image, sentence = vectors()
    caption = torch.tensor([0, 1, 2, 3, 4, 5, 6, 0, 1])
    label = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2]) if labelled else None
    expected = plain_r_precision(image, sentence, caption.tolist(), label, rivals)
    assert 0.1 < expected < 0.9
    assert r_precision(image, sentence, caption, label, rivals) == pytest.approx(expected, abs=1e-6)


def test_r_precision_of_many_is_chance_for_noise_one_for_the_same_zero_for_ties_and_nan_without_rivals():
    image, sentence, numbers = torch.randn(2500, 8), torch.randn(2500, 8), torch.arange(2500)  # in several parts
    assert r_precision(image, sentence, numbers) == pytest.approx(0.01, abs=0.005)
    assert r_precision(sentence, sentence, numbers) == 1
    same = torch.ones(5, 3)
    assert r_precision(same, same, numbers[:5]) == 0
    for count in (0, 1, 3):
        assert math.isnan(r_precision(same[:count], same[:count], numbers[:count], torch.zeros(count)))
    assert math.isnan(Retrieval().compute())


@pytest.mark.parametrize("size", [1, 4, 9])
def test_ranking_depends_neither_on_batches_nor_on_order_nor_on_padding(size):
    (image, sentence), tokenizer = vectors(), GRUEncoder(**READER).tokenizer
    captions = ["red", "dark red", "blue", "pale blue", "", "green", "red", "dark dark green", "blue red"]
    label, numbers = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3, 3]), torch.tensor([0, 1, 2, 3, 4, 5, 0, 7, 8])
    kept = torch.tensor([0, 1, 2, 3, 5, 6, 7, 8])
    expected = r_precision(*(given[kept] for given in (image, sentence, numbers, label)))
    for order in (torch.arange(9), torch.arange(9).flip(0)):
        retrieval = Retrieval()
        for rows in order.split(size):
            retrieval.add(image[rows], sentence[rows], tokenizer([captions[row] for row in rows]), label[rows])
        assert retrieval.compute() == pytest.approx(float(expected))


def test_validation_begins_anew():
    module = task()
    first, second = score(module), score(module)
    assert first["val/r_precision"] == second["val/r_precision"]
    module.retrieval.add(torch.ones(1, 8), -torch.ones(1, 8), module.text.tokenizer(["red"]), None)
    assert score(module)["val/r_precision"] == first["val/r_precision"]
