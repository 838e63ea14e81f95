import numpy as np
import pytest
from PIL import Image

from tests.images.files import SMOOTH


@pytest.fixture
def save(tmp_path):
    """A file that Pillow writes below the test's folder: of pixels or of a picture of its own."""

    def save(name="in.jpg", pixels=SMOOTH, mode=None, kind=None, **options):
        image = Image.fromarray(pixels) if isinstance(pixels, np.ndarray) else pixels
        (image.convert(mode) if mode else image).save(tmp_path / name, kind, **options)
        return tmp_path / name

    return save
