import numpy as np
import pytest
import torch

from inlay.checkpoints import Teacher
from inlay.errors import InlayError
from inlay.losses import Distillation
from inlay.losses.distillation import hole_l1_at_scales
from inlay.losses.types import LossInput
from tests.export.examples import write_pconv, write_tdanet


def scene(batch=2):
    draw = torch.Generator().manual_seed(0)
    image, raw = torch.rand(2, batch, 3, 16, 12, generator=draw)
    return image, (torch.rand(batch, 1, 16, 12, generator=draw) > 0.5).float(), raw


def test_scales_by_hand():
    image, mask, raw = (x.double() for x in scene())
    error = (mask * (raw - image)).numpy()
    coarse = error.reshape(2, 3, 4, 4, 3, 4).mean((3, 5))
    expected = np.abs(error).mean() + np.abs(coarse).mean()
    assert hole_l1_at_scales(raw, image, mask, (1, 4)).item() == pytest.approx(expected)
    assert hole_l1_at_scales(raw.requires_grad_(), raw.detach(), mask, (1, 5)).item() == 0


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_pconv(tmp_path_factory.mktemp("teacher") / "best.ckpt")


def test_the_term_compares_with_the_teacher_who_never_sees_the_hole_nor_learns(checkpoint):
    image, mask, raw = scene()
    term = Distillation(lambda: Teacher(checkpoint), (1,)).train()
    taught = term.teacher(torch.where(mask > 0, torch.nan, image), mask)
    other = torch.rand_like(image)  # a target that the network was not shown
    loss = term(LossInput(raw.requires_grad_(), torch.where(mask > 0, raw, image), other, mask))
    torch.testing.assert_close(loss, (mask * (raw - taught)).abs().mean())
    loss.backward()
    assert not any(parameter.requires_grad for parameter in term.parameters())
    assert not any(module.training for module in term.teacher.modules())
    assert term.state_dict() == {}


def test_cached_answers_do_not_depend_on_their_batch_and_make_room_for_others(checkpoint):
    image, mask, _ = scene(4)
    teacher, calls = Teacher(checkpoint, cached=1), []
    teacher.net.register_forward_pre_hook(lambda *_: calls.append(1))
    together = teacher(image, mask)
    assert torch.equal(teacher(image[2:3], mask[2:3]), together[2:3])
    assert len(calls) == 4
    torch.testing.assert_close(together, Teacher(checkpoint)(image, mask), atol=1e-3, rtol=1e-3)
    teacher.room = 2 * 3 * 16 * 12 * 2  # of two answers
    teacher(1 - image, mask)
    assert len(teacher.answers) == 2


def test_who_cannot_teach_is_told(checkpoint, tmp_path):
    with pytest.raises(InlayError, match="teacher=CKPT"):
        Teacher(None)
    with pytest.raises(InlayError, match="without text"):
        Teacher(write_tdanet(tmp_path / "text.ckpt"))
    with pytest.raises(InlayError, match="cached"):
        Teacher(checkpoint, cached=-1)
    with pytest.raises(InlayError, match="scales"):
        Distillation(lambda: Teacher(checkpoint), (0,))
