"""What every text-image model has to do. Subclass as ``TestName`` beside a fixture ``text_image``."""

import pytest
import torch

from tests.text_image.stand_ins import CAPTIONS


def pictures(count=3, side=48):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(1))


class TextImageTester:
    @pytest.fixture
    def tokens(self, text_image):
        return text_image.tokenizer(CAPTIONS)

    def test_each_set_is_judged_as_if_alone_and_captions_are_read_once(self, text_image, tokens, monkeypatch):
        sets, calls, read = {"rec": pictures(), "out": pictures().flip(0)}, [], text_image.encode_text
        alone = {name: text_image({"x": each}, tokens)["x"] for name, each in sets.items()}
        monkeypatch.setattr(text_image, "encode_text", lambda given: (calls.append(given), read(given))[1])
        answer = text_image(sets, tokens)
        assert (list(answer), len(calls)) == (["rec", "out"], 1)
        torch.testing.assert_close(answer, alone)
        assert answer["rec"] != answer["out"]
        for terms in answer.values():
            assert list(terms) == self.names
            assert all(value.shape == () and value > 0 for value in terms.values())

    def test_gradient_flows_into_the_pictures_alone_and_down_it_they_match_better(self, text_image, tokens):
        first, second = pictures().requires_grad_(), pictures().requires_grad_()
        answer = text_image({"rec": first, "out": second}, tokens)
        sum(answer["out"].values()).backward()
        assert (second.grad.abs().sum(dim=(1, 2, 3)) > 0).all()
        assert first.grad is None or not first.grad.any()
        assert list(text_image.parameters())
        assert all(p.grad is None and not p.requires_grad for p in text_image.parameters())
        step = 0.01 * second.grad / second.grad.abs().max()
        after = sum(text_image({"x": second - step}, tokens)["x"].values())
        assert after < sum(answer["out"].values())

    def test_same_captions_and_classes_are_no_negatives(self, text_image):
        tokens = text_image.tokenizer(["a red bird", "a cat", "a red bird"])
        one_class = text_image({"x": pictures()}, tokens, torch.tensor([0, 0, 0]))["x"]
        assert all(value == 0 for value in one_class.values())
        pair = text_image({"x": pictures()[[0, 2]]}, text_image.tokenizer(["a red bird", "a red bird"]))["x"]
        assert all(value == 0 for value in pair.values())
        assert all(value > 0 for value in text_image({"x": pictures()}, tokens, torch.tensor([0, 1, 2]))["x"].values())

    def test_pictures_without_a_caption_count_nowhere(self, text_image):
        tokens = text_image.tokenizer([CAPTIONS[0], "", CAPTIONS[2]])
        image = pictures().requires_grad_()
        terms = text_image({"x": image}, tokens)["x"]
        sum(terms.values()).backward()
        assert [bool(grad.any()) for grad in image.grad[:2]] == [True, False]
        expected = text_image({"x": image[[0, 2]]}, text_image.tokenizer([CAPTIONS[0], CAPTIONS[2]]))["x"]
        torch.testing.assert_close(terms, expected)

    def test_padding_changes_nothing(self, text_image):
        short = text_image.tokenizer(["a cat", "a bird"])
        longer = {key: value[:2] for key, value in text_image.tokenizer(["a cat", "a bird", CAPTIONS[1]]).items()}
        assert longer["input_ids"].shape[1] > short["input_ids"].shape[1]
        torch.testing.assert_close(text_image({"x": pictures(2)}, longer), text_image({"x": pictures(2)}, short))

    def test_absent_from_checkpoints_and_stays_in_eval_mode(self, text_image):
        assert text_image.state_dict() == {}
        assert not any(module.training for module in text_image.train().modules())

    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
    def test_is_finite_in_half_precision(self, text_image, tokens, dtype):
        image = pictures().requires_grad_()
        with torch.autocast("cpu", dtype=dtype):
            terms = text_image({"x": image}, tokens)["x"]
        sum(terms.values()).backward()
        assert all(value.isfinite() and value.dtype == torch.float32 for value in terms.values())
        assert image.grad.isfinite().all()
