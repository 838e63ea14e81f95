import pytest
import torch

from inlay import checkpoints
from inlay.checkpoints.provenance import provenance
from inlay.errors import InlayError
from inlay.losses.contrastive import sentence_matching, word_matching
from inlay.models import PConvUNet
from inlay.text_image import DAMSMTextImage
from tests.text_image.stand_ins import CAPTIONS, damsm, encoder, write_checkpoint
from tests.text_image.text_image_tester import TextImageTester, pictures


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    torch.manual_seed(0)
    net, text = damsm().eval(), encoder().eval()
    return write_checkpoint(tmp_path_factory.mktemp("run") / "matching.ckpt", net, text), net, text


@pytest.fixture(scope="module")
def text_image(run):
    return DAMSMTextImage(run[0])


class TestDAMSM(TextImageTester):
    names = ["words", "sentence"]  # noqa: RUF012


def test_terms_are_those_of_the_encoders_in_the_checkpoint(run):
    path, net, text = run
    text_image = DAMSMTextImage(path, gamma1=4.0, gamma2=3.0, gamma3=7.0)
    tokens, image = text_image.tokenizer(CAPTIONS), pictures()
    seen, read = net(image), text(tokens)
    expected = {
        "words": word_matching(seen.regions, read.words, read.word_mask, None, 4.0, 3.0, 7.0),
        "sentence": sentence_matching(seen.whole, read.sentence, None, 7.0),
    }
    torch.testing.assert_close(text_image({"x": image}, tokens)["x"], expected)


def test_a_missing_checkpoint_and_that_of_another_network_are_refused(tmp_path):
    with pytest.raises(InlayError, match=r"nowhere\.ckpt: no such checkpoint"):
        DAMSMTextImage(str(tmp_path / "nowhere.ckpt"))
    net = PConvUNet(levels=4, width=4)
    state = {f"net.{k}": v for k, v in net.state_dict().items()}
    config = {"model": {"_target_": "inlay.models.PConvUNet", "levels": 4, "width": 4}}
    torch.save({"state_dict": state, checkpoints.META_KEY: provenance(config)}, tmp_path / "pconv.ckpt")
    with pytest.raises(InlayError, match=r"text_image\.checkpoint=.*pconv\.ckpt: holds PConvUNet.*task=text_image"):
        DAMSMTextImage(str(tmp_path / "pconv.ckpt"))


@pytest.mark.parametrize("gamma", ["gamma1", "gamma2", "gamma3"])
def test_gammas_are_positive(gamma):
    with pytest.raises(InlayError, match=rf"text_image\.{gamma} must be positive"):
        DAMSMTextImage("any.ckpt", **{gamma: 0.0})
