import pickle

import numpy as np
import pytest

from inlay.app.filling import PageRequest, PageResults, fill, open_models
from inlay.app.limits import Limits
from inlay.app.pictures import Loaded
from inlay.app.room import Room
from inlay.app.views import view_of
from inlay.errors import InlayError
from inlay.fillers import Filler, MeanFill
from inlay.images import Picture
from inlay.ops import composite
from inlay.pipeline import FillOptions, Inpainter
from tests.export.examples import Bomb


class Drawn(Filler):
    """Fills with a gray that says which seed it was; remembers what it was told."""

    takes_text = takes_seed = True
    identity = "a test"

    def __init__(self, broken=False):
        self.texts, self.broken = [], broken

    def fill(self, image, mask, *, text=None, reference=None, seed=None):
        if self.broken:
            raise InlayError("broken")
        self.texts.append(text)
        seed = seed[0] if isinstance(seed, list) else seed
        return composite(image * 0 + (0 if seed is None else seed) / 255, image, mask)


@pytest.fixture
def loaded(rng, tmp_path):
    picture = Picture(rng.integers(0, 65536, (12, 16, 3)).astype(np.uint16))
    return Loaded("cat.jpg", picture, view_of(picture, Room(tmp_path, 1e9)))


@pytest.fixture
def hole():
    return np.pad(np.ones((4, 5), bool), ((3, 5), (4, 7)))


def filled(filler, loaded, hole, folder, limits=None, **request):
    fillers = filler if isinstance(filler, dict) else {"model": filler}
    models = {name: Inpainter(each, name, FillOptions()) for name, each in fillers.items()}
    return fill(models, loaded, hole, PageRequest(**request), limits or Limits(), Room(folder, 1e9))


def test_a_result_has_the_files_own_pixels_outside_the_hole(loaded, hole, tmp_path):
    asked = {"seed": 3, "samples": 4, "text": "left from another model"}  # which draws nothing and reads nothing
    (sample,) = filled(MeanFill(), loaded, hole, tmp_path, **asked)
    result = sample.patch.apply(loaded.picture).pixels
    assert result.dtype == np.uint16
    assert np.array_equal(result[~hole], loaded.picture.pixels[~hole])
    mean = loaded.picture.pixels[~hole].mean(axis=0)
    assert np.abs(result[hole] - mean).max() < 1
    assert (sample.seed, sample.looked) == ("", "it saw the whole picture at once")


def test_samples_have_seeds_that_follow_each_other_and_a_model_the_text_it_takes_and_no_empty_one(
    loaded, hole, tmp_path
):
    filler = Drawn()
    samples = filled(filler, loaded, hole, tmp_path, seed=20, samples=3, text=" a red bird ")
    assert [each.seed for each in samples] == ["seed 20", "seed 21", "seed 22"]
    assert [int(each.view.small[4, 5, 0]) for each in samples] == [20, 21, 22]
    filled(filler, loaded, hole, tmp_path, text="  ")
    assert filler.texts == [["a red bird"]] * 3 + [None]


@pytest.mark.parametrize(
    ("asked", "message"),
    [({"samples": 9}, "1 to 8"), ({"samples": 0}, "1 to 8"), ({"text": "a" * 1001}, "Shorten"), ({"seed": -1}, "seed")],
)
def test_more_than_the_page_takes_on_is_refused(loaded, hole, tmp_path, asked, message):
    with pytest.raises(InlayError, match=message):
        filled(Drawn(), loaded, hole, tmp_path, **asked)
    for nothing, says in ((hole & False, "no hole yet"), (hole | True, "nothing is left")):
        with pytest.raises(InlayError, match=says):
            filled(MeanFill(), loaded, nothing, tmp_path)


@pytest.mark.parametrize(
    ("fillers", "seconds", "message"),
    [({"a": Drawn()}, 1e-9, "more than 1e-09 seconds"), ({"a": MeanFill(), "b": Drawn(broken=True)}, 60, "broken")],
)
def test_what_comes_too_late_or_fails_or_is_forgotten_leaves_nothing(
    loaded, hole, tmp_path, monkeypatch, fillers, seconds, message
):
    monkeypatch.setattr("inlay.app.views.LONGEST", 8)
    with pytest.raises(InlayError, match=message):
        filled(fillers, loaded, hole, tmp_path, limits=Limits(seconds=seconds))
    assert list(tmp_path.iterdir()) == []
    samples = filled(Drawn(), loaded, hole, tmp_path, samples=2)
    assert len(list(tmp_path.iterdir())) == 2
    PageResults.of(loaded.version, "", samples).forget()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.stranger("17.B.2")
def test_two_models_fill_one_hole_and_one_answer_of_each_is_seen(loaded, hole, tmp_path):
    samples = filled({"telea": MeanFill(), "drawn": Drawn()}, loaded, hole, tmp_path, seed=4, samples=2)
    assert [each.title for each in samples] == ["Quick patch (Telea)", "drawn, seed 4", "drawn, seed 5"]
    results = PageResults.of(loaded.version, "", samples)
    assert (results.shown, results.kept) == ((0, 1), 0)
    chosen = results.keep(2)
    assert (chosen.shown, chosen.kept) == ((0, 2), 2)
    assert (chosen.keep(0).shown, chosen.keep(0).kept) == ((0, 2), 0)


def test_models_are_opened_once_in_their_order_and_a_malicious_checkpoint_runs_nothing(tmp_path):
    models = open_models(["telea", "mean"], "cpu")
    assert list(models) == ["telea", "mean"]
    assert not models["mean"].filler.takes_text
    checkpoint = tmp_path / "best.ckpt"
    checkpoint.write_bytes(pickle.dumps(Bomb(tmp_path / "canary")))
    for names, says in ((["telea", "telea"], "same filler"), (["telea", str(checkpoint)], str(checkpoint))):
        with pytest.raises(InlayError, match=says):
            open_models(names, "cpu")
    assert not (tmp_path / "canary").exists()
