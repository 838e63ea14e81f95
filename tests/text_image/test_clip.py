import logging

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.functional import normalize

from inlay.errors import InlayError
from inlay.losses.contrastive import info_nce
from inlay.text_image import CLIPTextImage
from tests.text_image.stand_ins import CAPTIONS, change_config, write_clip
from tests.text_image.text_image_tester import TextImageTester, pictures


@pytest.fixture
def folder(tmp_path):
    write_clip(tmp_path / "clip")
    return tmp_path / "clip"


@pytest.fixture(scope="module")
def text_image(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("clip")
    write_clip(folder)
    return CLIPTextImage(str(folder))


class TestCLIP(TextImageTester):
    names = ["sentence"]  # noqa: RUF012


def test_term_is_that_of_transformers_own_features(tmp_path):
    net = write_clip(tmp_path)
    text_image = CLIPTextImage(str(tmp_path), temperature=0.2)
    tokens, image = text_image.tokenizer(CAPTIONS), pictures(side=32)  # the tower's size
    mean, std = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
    with torch.no_grad():
        seen = net.get_image_features(normalize(image, mean, std)).pooler_output
        read = net.get_text_features(tokens["input_ids"], tokens["attention_mask"].long()).pooler_output
    expected = info_nce(seen, read, None, 0.2)
    torch.testing.assert_close(text_image({"x": image}, tokens), {"x": {"sentence": expected}})


def test_pictures_are_resized_with_antialiasing_and_long_captions_cut_off(text_image):
    tokens = text_image.tokenizer(["a red bird with wings and a blue cat with wings"])
    assert tokens["input_ids"].shape == (1, 8)
    board = ((torch.arange(96)[:, None] + torch.arange(96)) % 2).float().expand(1, 3, -1, -1)
    (seen,), (gray,) = text_image.encode_image(board), text_image.encode_image(torch.full((1, 3, 32, 32), 0.5))
    assert F.cosine_similarity(seen, gray) > 0.99


def test_random_weights_must_be_asked_for(folder, caplog):
    (folder / "model.safetensors").unlink()
    with pytest.raises(InlayError, match=r"text_image\.model=.*clip: its weights could not be loaded"):
        CLIPTextImage(str(folder))
    with caplog.at_level(logging.WARNING):
        text_image = CLIPTextImage(str(folder), pretrained=False)
    assert "text_image.pretrained=false" in caplog.text
    assert text_image({"x": pictures()}, text_image.tokenizer(CAPTIONS))["x"]["sentence"] > 0


def test_without_files_it_is_vit_b_32_and_cannot_be_pretrained():
    with pytest.raises(InlayError, match=r"text_image\.model=null.*pretrained must be false"):
        CLIPTextImage(None)
    with torch.device("meta"):  # shapes alone
        text_image = CLIPTextImage(None, pretrained=False)
    assert sum(p.numel() for p in text_image.parameters()) == 151_277_313
    assert text_image.size == 224
    with pytest.raises(InlayError, match=r"text_image\.model=null has no tokenizer"):
        text_image.tokenizer  # noqa: B018


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_temperature_is_positive(temperature):
    with pytest.raises(InlayError, match=r"text_image\.temperature must be positive"):
        CLIPTextImage("any", temperature=temperature)


def test_a_missing_folder_and_another_kind_of_network_are_refused(folder):
    with pytest.raises(InlayError, match=r"nowhere: no such folder.*text_image\.model=FOLDER"):
        CLIPTextImage(str(folder / "nowhere"))
    change_config(folder, model_type="bert")
    with pytest.raises(InlayError, match="must be clip, with both towers, got bert"):
        CLIPTextImage(str(folder))
