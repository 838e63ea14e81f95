import numpy as np
import pytest
import torch
from PIL import Image

from inlay.errors import InlayError, Missing
from inlay.metrics.base import FillResult
from inlay.metrics.clip_score import CLIPScore
from tests.text_image.stand_ins import change_config, write_clip

MEAN, STD = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])
RED, BLUE = "a red bird", "a blue cat with wings"
NUMBERS = {"a": 0, "red": 1, "blue": 2, "bird": 3, "cat": 4, "with": 5, "wings": 6, "<start>": 7, "<end>": 8, "?": 9}


def write(folder):
    from transformers import CLIPImageProcessor

    torch.manual_seed(0)
    net = write_clip(folder)
    size = {"height": 32, "width": 32}
    CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size).save_pretrained(folder)
    return net


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    return write(folder), str(folder)


@pytest.fixture(scope="module")
def measure(clip):
    return CLIPScore(clip[1])


@pytest.fixture
def folder(tmp_path):
    write(tmp_path)
    return tmp_path


def answer(captions, side=32, box=(slice(4, 20), slice(6, 31))):
    """8-bit pictures with a hole of two corners."""
    filled = torch.randint(256, (len(captions), 3, side, side)).double() / 255
    mask = torch.zeros(len(captions), 1, side, side)
    rows, columns = box
    mask[:, :, rows.start, columns.start] = mask[:, :, rows.stop - 1, columns.stop - 1] = 1
    return FillResult(filled, mask, captions=captions)


def cosines(net, pictures, *captions):
    """100 times those of the network's own forward pass, of pictures ``(3, H, W)`` that PIL resizes."""
    found = []
    for picture, caption in zip(pictures, captions, strict=True):
        pixels = (picture.permute(1, 2, 0) * 255).round().byte().numpy()
        pixels = np.asarray(Image.fromarray(pixels).resize((32, 32), Image.Resampling.BICUBIC)) / 255
        seen = torch.from_numpy((pixels - MEAN) / STD).float().permute(2, 0, 1)[None]
        ids = torch.tensor([[NUMBERS[word] for word in ["<start>", *caption.split(), "<end>"]]])
        with torch.no_grad():
            logits = net(input_ids=ids, pixel_values=seen).logits_per_image
        found.append(100 * (logits / net.logit_scale.exp()).item())
    return found


def test_equals_the_networks_own_cosine_and_that_of_the_holes_box(clip, measure):
    given = answer([RED, BLUE, "a cat", "wings"])
    found, known = measure(given), cosines(clip[0], given.filled, *given.captions)
    assert min(known) < 0 < max(known)  # both sides of the rule are seen
    assert found["clip_score"].tolist() == pytest.approx([max(one, 0) for one in known], rel=1e-5)
    known = cosines(clip[0], given.filled[..., 4:20, 6:31], *given.captions)
    assert max(known) > 5
    # Where pictures are resized, PIL and torchvision round to different sides now and then.
    assert found["clip_score_hole"].tolist() == pytest.approx([max(one, 0) for one in known], abs=0.3)


def test_oblong_pictures_are_seen_whole_and_small_holes_have_a_score(measure):
    given = answer([RED], side=96)
    wide = given._replace(filled=given.filled[..., :40, :], mask=given.mask[..., :40, :])
    changed = wide.filled.clone()
    changed[..., :8] = 0  # a crop of the middle would lose it
    assert measure(wide)["clip_score"] != measure(wide._replace(filled=changed))["clip_score"]
    for box in ((slice(3, 4), slice(5, 6)), (slice(0, 32), slice(2, 5))):  # a pixel, and three wide
        columns = measure(answer([RED], box=box))
        assert columns["clip_score_hole"].isfinite().all()
        assert columns["captioned_holes"].tolist() == [1]


def test_empty_captions_and_holes_are_nan_and_weigh_nothing_whatever_the_batch(measure):
    given = answer([RED, " ", BLUE])
    given.mask[2] = 0
    columns = measure(given)
    assert {c for metric in measure.specs for c in (metric.column, metric.weight)} == set(columns)
    assert columns["clip_score"].isnan().tolist() == [False, True, False]
    assert columns["captioned"].tolist() == [1, 0, 1]
    assert columns["clip_score_hole"].isnan().tolist() == [False, True, True]
    assert columns["captioned_holes"].tolist() == [1, 0, 0]
    for i in (0, 2):
        single = FillResult(given.filled[[i]], given.mask[[i]], captions=given.captions[i : i + 1])
        assert torch.equal(measure(single)["clip_score"], columns["clip_score"][[i]])
    assert measure(given._replace(captions=())) == {}


@pytest.mark.parametrize(
    ("caption", "read"),
    [
        ("a blue cat with wings a red bird a red bird", "a blue cat with wings a"),  # 8 positions, two for the ends
        ("a <end> cat", "a ? ? ? cat"),
    ],
)
def test_long_captions_are_cut_off_and_special_tokens_are_text(clip, measure, caption, read):
    given = answer([caption] * 4)
    known = cosines(clip[0], given.filled, *[read] * 4)
    assert max(known) > 0
    assert measure(given)["clip_score"].tolist() == pytest.approx([max(one, 0) for one in known], rel=1e-5)


def test_only_whole_folders_of_clip_are_taken(folder):
    with pytest.raises(Missing, match=r"no CLIP.*preprocessor_config\.json.*weights\.clip=FOLDER"):
        CLIPScore(None)
    for name in ("nowhere", "openai/clip-vit-base-patch32"):
        with pytest.raises(InlayError, match=rf"^weights\.clip={name}: no such folder\. Put config\.json"):
            CLIPScore(name)
    change_config(folder, model_type="bert")
    with pytest.raises(InlayError, match="must be clip, with both towers, got bert"):
        CLIPScore(str(folder))

    (folder / "preprocessor_config.json").unlink()  # the other files are missed in tests/text
    change_config(folder, model_type="clip")
    with pytest.raises(InlayError, match=r"weights\.clip=.*its image processor"):
        CLIPScore(str(folder))
