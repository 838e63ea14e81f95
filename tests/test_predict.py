"""``predict.py`` as users call it: a process, files in, a file out."""

import re
import subprocess
import sys
import traceback

import numpy as np
import pytest

from inlay.cli.predict import main
from inlay.fillers import CLASSICAL
from inlay.images import read_mask, read_picture, write_picture
from inlay.models import PConvUNet
from inlay.pipeline.masks import to_mask
from tests import pictures
from tests.conftest import ROOT
from tests.export.examples import CONFIG, write_pconv
from tests.fillers.test_network import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_pconv(tmp_path_factory.mktemp("model") / "last.ckpt", config={"model": CONFIG["model"]})


@pytest.fixture(scope="module")
def text_guided(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("text_guided") / "last.ckpt")


@pytest.fixture
def mask(tmp_path):
    return pictures.write_mask(tmp_path / "mask.png", np.pad(np.ones((15, 20), bool), ((20, 26), (10, 17))))


def picture(path, mode="RGB", size=(61, 47)):
    write_picture(path, pictures.picture(mode, size))
    return path


def arguments(**options):
    flags = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", str(value))]
    return [flag for flag in flags if flag != "True"]


def predict(**options):
    command = [sys.executable, "predict.py", *arguments(**options)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def predict_here(monkeypatch):
    def run(**options):
        monkeypatch.setattr(sys, "argv", ["inlay predict", *arguments(**options)])
        try:
            main()
        except SystemExit as stop:
            return stop.code
        return 0

    return run


def assert_known_pixels_equal(given, filled, hole):
    assert (filled.pixels.shape, filled.pixels.dtype) == (given.pixels.shape, given.pixels.dtype)
    assert np.array_equal(filled.pixels[~hole], given.pixels[~hole])
    assert not np.array_equal(filled.pixels[hole], given.pixels[hole])


@pytest.mark.parametrize("kind", ["RGB.png", "L.png", "RGBA.webp", "RGB16.tiff", "L16.png"])
def test_keeps_size_mode_and_known_pixels(tmp_path, checkpoint, mask, predict_here, capsys, kind):
    mode, suffix = kind.split(".")
    image, output = picture(tmp_path / f"in.{suffix}", mode), tmp_path / f"out.{suffix}"
    assert predict_here(image=image, mask=mask, model=checkpoint, output=output, device="cpu") == 0
    assert capsys.readouterr().out == f"{output}\n"
    assert_known_pixels_equal(read_picture(image), read_picture(output), read_mask(mask))


def test_a_text_and_samples_as_users_ask_for_them(tmp_path, text_guided, mask, predict_here, capsys, caplog):
    image, output = picture(tmp_path / "in.png"), tmp_path / "out.png"
    asked = {"text": "a bird with a turquoise head, red", "samples": 2, "seed": 7, "compare": True}
    assert predict_here(image=image, mask=mask, model=text_guided, output=output, **asked) == 0
    written = [tmp_path / name for name in ("out_1.png", "out_2.png", "out_compare.png")]
    assert capsys.readouterr().out.splitlines() == [str(path) for path in written]
    too_long, unknown = (record.message for record in caplog.records if record.levelname == "WARNING")
    assert too_long.startswith("text: it is too long: the model reads 6 words")
    assert unknown.endswith("cannot tell them apart: turquoise, head.")
    assert read_picture(written[2]).size[1] == 4 * 47 + 3 * 4


def test_text_and_seed_decide_the_picture(tmp_path, text_guided, mask, predict_here):
    given = {"image": picture(tmp_path / "in.png"), "mask": mask, "model": text_guided, "device": "cpu"}

    def filled(**options):
        assert predict_here(**given, output=tmp_path / "out.png", **options) == 0
        return (tmp_path / "out.png").read_bytes()

    red = {"text": "a red bird"}
    asked = red, red | {"seed": 3}, red | {"seed": 0}, {"text": "a blue bird"}, {}
    answers = [[filled(**each) for each in asked] for _ in range(2)]
    assert answers[0] == answers[1]
    assert len({*answers[0]}) == 5


def test_mask_of_another_shape_is_stretched_and_said(tmp_path, checkpoint, mask):
    image, output = picture(tmp_path / "in.png", size=(40, 90)), tmp_path / "out.png"
    done = predict(image=image, mask=mask, model=checkpoint, output=output)
    assert done.returncode == 0
    for said in ("The mask is 47x61; resized to the picture's 90x40.", "mask and picture differ in aspect ratio"):
        assert said in done.stderr
    assert_known_pixels_equal(read_picture(image), read_picture(output), to_mask(mask, (40, 90)).mask)


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"image": "nowhere.png"}, "nowhere.png: no such file. Check the path."),
        ({"mask": "nowhere.png"}, "nowhere.png: no such file. Check the path."),
        ({"model": "nowhere.ckpt"}, "nowhere.ckpt: no such checkpoint."),
        ({"model": "mask.png"}, "mask.png: not a readable checkpoint"),
        ({"mask": "empty.png"}, "empty.png: no hole (white = hole). Paint it white, or use --mask-polarity black."),
        ({"output": "out.xyz"}, "out.xyz: unknown suffix '.xyz'."),
        ({"output": "in.png"}, "would overwrite an input."),
        ({"device": "cuda:7"}, "device cuda:7: not available here."),
        ({"model": "tela"}, "tela: neither a filler nor a file."),
        ({"model": "telea", "text": "a bird"}, "text: telea takes no text. Leave it out, or name a text-guided"),
        ({"seed": -1}, "seed must be from 0 to 4294967295, got -1."),
        ({"image": "in_2.png", "output": "in.png", "samples": 2}, "in_2.png would overwrite an input."),
    ],
    ids=lambda v: "-".join(map(str, v.values())) if isinstance(v, dict) else "",
)
def test_every_mistake_is_one_line_and_leaves_nothing(tmp_path, checkpoint, mask, predict_here, capsys, broken, says):
    for name in ("in.png", "in_2.png"):
        picture(tmp_path / name)
    pictures.write_mask(tmp_path / "empty.png", np.zeros((61, 47), bool))
    options = {"image": "in.png", "mask": "mask.png", "output": "out.png"} | broken
    given = {key: tmp_path / value if "." in str(value) else value for key, value in options.items()}
    before = sorted(tmp_path.iterdir())
    assert predict_here(**({"model": checkpoint} | given)) == 1
    assert re.fullmatch(rf"error: .*{re.escape(says)}.*\n", capsys.readouterr().err)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("strategy", ["whole", "crop", "tile", "resize"])
@pytest.mark.parametrize("several", [False, True], ids=["one", "folder"])
def test_at_most_seven_frames_of_ours_lead_to_the_network(
    tmp_path, checkpoint, predict_here, monkeypatch, strategy, several
):
    found = []

    def forward(self, masked, mask):
        own = [frame.filename for frame in traceback.extract_stack() if "/src/inlay/" in frame.filename]
        found.append([name for name in own if "/inlay/models/" not in name])
        return masked

    image = picture(tmp_path / "in/a.png", size=(300, 420))
    mask = pictures.write_mask(tmp_path / "mask.png", np.pad(np.ones((260, 380), bool), 20))
    given = {"image": image.parent, "output": tmp_path} if several else {"image": image, "output": tmp_path / "out.png"}
    monkeypatch.setattr(PConvUNet, "forward", forward)
    assert predict_here(**given, mask=mask, model=checkpoint, strategy=strategy) == 0
    assert max(map(len, found)) <= 7, max(found, key=len)


def test_regions_and_composers_as_files(tmp_path, predict_here, mask, capsys):
    image, hole, output = picture(tmp_path / "in.png"), read_mask(mask), tmp_path / "out.png"
    black = pictures.write_mask(tmp_path / "black.png", ~hole)
    soft, drawn = tmp_path / "soft.yaml", tmp_path / "drawn.yaml"
    soft.write_text("_target_: inlay.pipeline.composers.PoissonComposer\ndilate: 2\nfeather: 3\n")
    drawn.write_text("_target_: inlay.pipeline.regions.GeneratedRegion\nmasks: {_target_: inlay.masks.Boxes}\n")
    given = {"image": image, "model": "telea", "output": output}

    def filled(**options):
        output.unlink(missing_ok=True)
        assert predict_here(**(given | options)) == 0
        return read_picture(output)

    short = filled(mask=black, mask_polarity="black", blend="poisson", dilate=2, feather=3)
    file = filled(mask=mask, composer=soft, model=ROOT / "conf/filler/telea.yaml")
    assert np.array_equal(short.pixels, file.pixels)
    assert_known_pixels_equal(read_picture(image), filled(mask=mask, composer="hard"), hole)
    first, same, other = (filled(region=drawn, seed=seed).pixels for seed in (3, 3, 4))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)
    assert predict_here(**given, mask=mask, composer="hard", feather=2) == 2
    assert "--composer" in capsys.readouterr().err


def test_real_photograph_with_a_real_mask(tmp_path, checkpoint, shared_data, predict_here):
    image = sorted((shared_data / "photos/val").iterdir())[0]
    mask = sorted((shared_data / "masks/nvidia_irregular").iterdir())[0]
    output = tmp_path / "out.png"
    given = read_picture(image)
    assert predict_here(image=image, mask=mask, model=checkpoint, output=output) == 0
    assert_known_pixels_equal(given, read_picture(output), to_mask(mask, given.size).mask)


def test_help_names_every_option():
    answer = predict(help=True)
    options = "image mask region model output text samples seed mask-polarity device strategy blend composer reference"
    names = [*(f"--{option}" for option in options.split()), *CLASSICAL, "model:PATH"]
    assert [name for name in names if name not in answer.stdout] == []
