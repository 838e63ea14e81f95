import numpy as np
import pytest

from tests.pictures import write_mask


@pytest.fixture(scope="session")
def percents(tmp_path_factory):
    """Mask files of 5, 10, ... 95 percent hole, in a bucket folder each."""
    root = tmp_path_factory.mktemp("percents")
    for percent in range(5, 100, 5):
        write_mask(root / f"{percent // 10}0/{percent:02d}.png", np.tile(np.arange(100) < percent, (100, 1)))
    return str(root)
