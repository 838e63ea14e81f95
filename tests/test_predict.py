"""``predict.py`` as users call it: a process, files in, a file out."""

import re
import subprocess
import sys
import traceback

import numpy as np
import pytest
import torch
from PIL import Image

from inlay.cli.predict import main
from inlay.fillers import CLASSICAL, load_filler
from inlay.images import Picture, read_mask, read_picture, write_picture
from inlay.models import PConvUNet
from inlay.pipeline.masks import to_mask
from tests.conftest import ROOT
from tests.export.examples import CONFIG, write_pconv
from tests.fillers.test_network import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_pconv(tmp_path_factory.mktemp("model") / "last.ckpt", config={"model": CONFIG["model"]})


@pytest.fixture(scope="module")
def text_guided(tmp_path_factory):
    """The same of a network that is told what to fill in; it knows five words."""
    return write_checkpoint(tmp_path_factory.mktemp("text_guided") / "last.ckpt")


@pytest.fixture
def mask(tmp_path):
    hole = np.zeros((61, 47), np.uint8)
    hole[20:35, 10:30] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")
    return tmp_path / "mask.png"


def picture(path, channels, dtype=np.uint8, size=(61, 47)):
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, (*size, channels)).astype(dtype)
    write_picture(path, Picture(pixels))
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


def pixels(path):
    return read_picture(path).pixels


def assert_known_pixels_equal(given, filled, hole):
    assert (filled.pixels.shape, filled.pixels.dtype) == (given.pixels.shape, given.pixels.dtype)
    assert np.array_equal(filled.pixels[~hole], given.pixels[~hole])
    assert not np.array_equal(filled.pixels[hole], given.pixels[hole])


MODES = [(3, "uint8", "png"), (1, "uint8", "png"), (4, "uint8", "webp"), (3, "uint16", "tiff"), (1, "uint16", "png")]


@pytest.mark.parametrize(("channels", "dtype", "suffix"), MODES)
def test_keeps_size_mode_and_known_pixels(tmp_path, checkpoint, mask, predict_here, capsys, channels, dtype, suffix):
    image, output = picture(tmp_path / f"in.{suffix}", channels, np.dtype(dtype)), tmp_path / f"out.{suffix}"
    assert predict_here(image=image, mask=mask, model=checkpoint, output=output, device="cpu") == 0
    assert capsys.readouterr().out == f"{output}\n"
    assert_known_pixels_equal(read_picture(image), read_picture(output), read_mask(mask))


def test_a_text_and_samples_as_users_ask_for_them(tmp_path, text_guided, mask, predict_here, capsys, caplog):
    image, output = picture(tmp_path / "in.png", 3), tmp_path / "out.png"
    asked = {"text": "a bird with a turquoise head, red", "samples": 2, "seed": 7, "compare": True}
    assert predict_here(image=image, mask=mask, model=text_guided, output=output, **asked) == 0
    written = [tmp_path / name for name in ("out_1.png", "out_2.png", "out_compare.png")]
    assert capsys.readouterr().out.splitlines() == [str(path) for path in written]
    too_long, unknown = (record.message for record in caplog.records if record.levelname == "WARNING")
    assert too_long.startswith("text: it is too long: the model reads 6 words")
    assert unknown.endswith("cannot tell them apart: turquoise, head.")
    assert read_picture(written[2]).size[1] == 4 * 47 + 3 * 4


def test_text_and_seed_decide_the_picture_and_samples_are_theirs(tmp_path, text_guided, mask, predict_here):
    image = picture(tmp_path / "in.png", 3)

    def filled(name="out.png", **options):
        given = {"image": image, "mask": mask, "model": text_guided, "output": tmp_path / "out.png", "device": "cpu"}
        assert predict_here(**given, **options) == 0
        return pixels(tmp_path / name)

    red = {"text": "a red bird"}
    asked = red, red | {"seed": 3}, red | {"seed": 0}, {"text": "a blue bird"}, {}
    answers = [[filled(**each).tobytes() for each in asked] for _ in range(2)]
    assert answers[0] == answers[1]
    assert len({*answers[0]}) == 5
    assert filled(text="").tobytes() == answers[0][-1]
    for first, seeded in ((5, {"seed": 5}), (0, {})):
        filled("out_1.png", text="bird", samples=3, **seeded)
        for number in range(3):
            alone = filled(text="bird", seed=first + number).astype(int)  # another batch may round otherwise
            assert np.abs(pixels(tmp_path / f"out_{number + 1}.png") - alone).max() <= 1


def test_mask_of_another_shape_is_stretched_and_said(tmp_path, checkpoint, mask):
    image, output = picture(tmp_path / "in.png", 3, size=(40, 90)), tmp_path / "out.png"
    done = predict(image=image, mask=mask, model=checkpoint, output=output)
    assert done.returncode == 0
    for said in ("The mask is 47x61; resized to the picture's 90x40.", "mask and picture differ in aspect ratio"):
        assert said in done.stderr
    assert_known_pixels_equal(read_picture(image), read_picture(output), to_mask(mask, (40, 90)).mask)


def test_black_holes(tmp_path, checkpoint, mask, predict_here):
    Image.fromarray(255 - np.asarray(Image.open(mask))).save(tmp_path / "black.png")
    given = {"image": picture(tmp_path / "in.png", 3), "model": checkpoint}
    for polarity, file in (("white", mask), ("black", tmp_path / "black.png")):
        predict_here(**given, mask=file, output=tmp_path / f"{polarity}_out.png", mask_polarity=polarity)
    assert (tmp_path / "white_out.png").read_bytes() == (tmp_path / "black_out.png").read_bytes()


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_fillers_have_names(tmp_path, mask, predict_here, name):
    image, output = picture(tmp_path / "in.png", 3), tmp_path / "out.png"
    assert predict_here(image=image, mask=mask, model=name, output=output) == 0
    given, filled, hole = read_picture(image), read_picture(output), read_mask(mask)
    assert_known_pixels_equal(given, filled, hole)
    tensors = torch.from_numpy(given.rgb()).permute(2, 0, 1)[None], torch.from_numpy(hole).float()[None, None]
    expected = load_filler(name).fill(*tensors)[0].permute(1, 2, 0).numpy()
    assert np.abs(filled.rgb() - expected).max() < 0.51 / 255


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
        picture(tmp_path / name, 3)
    Image.fromarray(np.zeros((61, 47), np.uint8)).save(tmp_path / "empty.png")
    options = {"image": "in.png", "mask": "mask.png", "output": "out.png"} | broken
    given = {key: tmp_path / value if "." in str(value) else value for key, value in options.items()}
    before = sorted(tmp_path.iterdir())
    assert predict_here(**({"model": checkpoint} | given)) == 1
    assert re.fullmatch(rf"error: .*{re.escape(says)}.*\n", capsys.readouterr().err)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("strategy", ["whole", "crop", "tile", "resize"])
@pytest.mark.parametrize("several", [False, True], ids=["one", "folder"])
def test_at_most_seven_frames_of_ours_lead_to_the_network(tmp_path, checkpoint, predict_here, strategy, several):
    found = []

    def forward(self, masked, mask):
        own = [frame.filename for frame in traceback.extract_stack() if "/src/inlay/" in frame.filename]
        found.append([name for name in own if "/inlay/models/" not in name])
        return masked

    image = picture(tmp_path / "in/a.png", 3, size=(300, 420))
    hole = np.pad(np.full((260, 380), 255, np.uint8), 20)
    Image.fromarray(hole).save(tmp_path / "mask.png")
    output = tmp_path / ("out" if several else "out.png")
    given = {"image": image.parent if several else image, "mask": tmp_path / "mask.png", "output": output}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PConvUNet, "forward", forward)
        assert predict_here(**given, model=checkpoint, strategy=strategy) == 0
    assert max(map(len, found)) <= 7, max(found, key=len)


def test_regions_and_composers_as_files(tmp_path, predict_here, mask, capsys):
    image, hole, output = picture(tmp_path / "in.png", 3), read_mask(mask), tmp_path / "out.png"
    soft, drawn = tmp_path / "soft.yaml", tmp_path / "drawn.yaml"
    soft.write_text("_target_: inlay.pipeline.composers.PoissonComposer\ndilate: 2\nfeather: 3\n")
    drawn.write_text("_target_: inlay.pipeline.regions.GeneratedRegion\nmasks: {_target_: inlay.masks.Boxes}\n")
    given = {"image": image, "model": "telea", "output": output}
    short = {"blend": "poisson", "dilate": 2, "feather": 3}

    def filled(**options):
        output.unlink(missing_ok=True)
        assert predict_here(**(given | options)) == 0
        return read_picture(output)

    short, file = filled(mask=mask, **short), filled(mask=mask, composer=soft, model=ROOT / "conf/filler/telea.yaml")
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
