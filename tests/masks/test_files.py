import json
import logging

import numpy as np
import pytest
from PIL import Image

from inlay.errors import InlayError
from inlay.masks import Files

HALF = np.arange(24) < 12  # a mask of two halves: nothing is unusual about it


def save(path, white, size=24):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.broadcast_to(white, (size, size)).astype(np.uint8) * 255).save(path)


@pytest.fixture
def folder(tmp_path):
    save(tmp_path / "left.png", HALF)
    save(tmp_path / "deep/er/right.bmp", ~HALF)
    return tmp_path


def drawn(family, rng, size=(24, 24), count=40):
    return {family(*size, rng).tobytes() for _ in range(count)}


def square(mask):
    return np.broadcast_to(mask, (24, 24)).tobytes()


def test_every_file_below_the_folder_is_drawn(folder, rng):
    assert drawn(Files(root=str(folder)), rng) == {square(HALF), square(~HALF)}


def test_hidden_and_other_files_are_left_out(folder, rng):
    (folder / "readme.txt").write_text("not a mask")
    (folder / ".hidden.png").write_text("not a mask either")
    (folder / "manifest.jsonl").write_text(json.dumps({"file": "left.png"}))
    assert len(Files(root=str(folder)).paths) == 2


def test_the_generator_chooses_the_file(folder):
    masks = [Files(root=str(folder))(24, 24, np.random.default_rng(3)) for _ in range(2)]
    assert np.array_equal(*masks)


def test_black_can_be_the_hole(tmp_path, rng):
    save(tmp_path / "left.png", HALF)
    assert drawn(Files(root=str(tmp_path), hole_is="black"), rng) == {square(~HALF)}


@pytest.mark.parametrize("size", [(48, 48), (17, 31), (256, 100)])
def test_masks_take_the_asked_for_size_and_stay_binary(folder, rng, size):
    mask = Files(root=str(folder))(*size, rng)
    assert (mask.shape, mask.dtype) == (size, np.bool_)
    assert abs(mask.mean() - 0.5) < 0.05


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_a_folder_without_masks_is_named(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InlayError, match=rf"masks\.root={tmp_path / name}: no mask files there .*\.png"):
        Files(root=str(tmp_path / name))


def test_a_third_color_of_the_hole_is_refused(folder):
    with pytest.raises(InlayError, match="hole_is must be 'white' or 'black'"):
        Files(root=str(folder), hole_is="red")


def test_usual_masks_raise_no_doubt(folder, caplog):
    Files(root=str(folder))
    assert caplog.records == []


def test_doubtful_polarity_is_said_once(tmp_path, caplog, rng):
    for number in range(20):
        save(tmp_path / f"{number}.png", np.arange(24) > 0)
    family = Files(root=str(tmp_path))
    family(24, 24, rng)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"masks.root={tmp_path}: on average the hole covers 95.8%" in record.message
    assert "hole_is=black" in record.message


class TestPublishedSets:
    def test_of_nvidia_have_white_holes(self, shared_data, caplog, rng):
        family = Files(root=str(shared_data / "masks/nvidia_irregular"))
        assert len(family.paths) == 60
        assert 0.28 < np.mean([family(128, 128, rng).mean() for _ in range(20)]) < 0.42
        assert caplog.records == []

    def test_of_quickdraw_have_black_ones(self, shared_data, caplog, rng):
        family = Files(root=str(shared_data / "masks/quickdraw"), hole_is="black")
        assert 0.04 <= np.mean([family(128, 128, rng).mean() for _ in range(20)]) <= 0.38
        assert caplog.records == []

    def test_of_quickdraw_are_doubted_when_read_as_white(self, shared_data, caplog):
        Files(root=str(shared_data / "masks/quickdraw"))
        assert "hole_is=black" in caplog.text
