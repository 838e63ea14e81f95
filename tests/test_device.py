"""What a network runs on."""

import pytest

from inlay.device import choose_device
from inlay.errors import InlayError


def test_auto_is_one_that_is_there():
    assert choose_device("auto").type in ("cuda", "mps", "cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_names_one_that_is_not(name):
    with pytest.raises(InlayError, match=f"device {name}: not available here"):
        choose_device(name)
