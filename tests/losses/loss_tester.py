"""One class tests every loss term six ways; a term's own file adds what is peculiar to it."""

import pytest
import torch
import torch.nn.functional as F

from inlay.losses.types import Features, LossInput
from inlay.ops import composite


def levels(x):
    """Two levels of stand-in features, smooth in ``x``."""
    return {"fine": F.avg_pool2d(x, 2), "coarse": F.avg_pool2d(x * x + x.sin(), 3)}


def given(raw, image, mask):
    filled = composite(raw, image, mask)
    features = {"vgg": Features(levels(raw), levels(filled), levels(image))}
    return LossInput(raw, filled, image, mask, features)


def sample(batch=2, height=9, width=7, dtype=torch.float32):
    """``raw, image, mask`` of random pictures with ragged holes."""
    raw, image = torch.rand(2, batch, 3, height, width, dtype=dtype)
    return raw, image, (torch.rand(batch, 1, height, width) < 0.4).to(dtype)


class LossTester:
    """Subclass as ``TestName`` and say which ``term`` it is."""

    term = None
    """The term's class."""

    refused = ()
    """``(a change of a LossInput, exception, message)`` of what the term refuses."""

    def perfect(self):
        """``raw, image, mask`` of an answer that nothing can be said against."""
        _, image, mask = sample()
        return image.clone(), image, mask

    def test_is_a_scalar_that_is_not_negative(self):
        loss = self.term()(given(*sample()))
        assert loss.shape == ()
        assert loss.dtype == torch.float32
        assert loss > 0

    def test_refuses_what_does_not_fit(self):
        assert self.refused
        for change, exception, message in self.refused:
            with pytest.raises(exception, match=message):
                self.term()(change(given(*sample())))

    def test_batch_is_the_mean_of_its_pictures(self):
        raw, image, mask = sample(batch=2)
        singles = [self.term()(given(raw[i : i + 1], image[i : i + 1], mask[i : i + 1])) for i in range(2)]
        torch.testing.assert_close(self.term()(given(raw, image, mask)), torch.stack(singles).mean())

    def test_gradient_is_that_of_finite_differences(self):
        raw, image, mask = sample(height=6, width=5, dtype=torch.float64)
        assert torch.autograd.gradcheck(lambda x: self.term()(given(x, image, mask)), raw.requires_grad_())

    def test_compiled_equals_eager(self):
        raw, image, mask = sample()
        torch.compiler.reset()

        def loss_of(answer):
            return self.term()(given(answer, image, mask))

        answers = []
        for function in (loss_of, torch.compile(loss_of, backend="aot_eager", fullgraph=True)):
            answer = raw.clone().requires_grad_()
            loss = function(answer)
            loss.backward()
            answers.append((loss, answer.grad))
        torch.testing.assert_close(answers[1], answers[0])

    def test_zero_at_a_perfect_answer(self):
        assert self.term()(given(*self.perfect())) == 0
