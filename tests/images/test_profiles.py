"""Pictures of inks become colors by their profile."""

import numpy as np
import pytest
from PIL import Image

from inlay.images import from_pil, read_image, read_picture
from tests.images.described import CMYK_PROFILE, INK_PROFILE
from tests.images.files import photo

INKS = np.zeros((16, 32, 4), np.uint8)
INKS[:, 16:, 3] = 255  # nothing but black ink; the left half is paper


@pytest.mark.stranger("17.A.9")
class TestAPictureOfInksWithItsProfile:
    @pytest.fixture(params=["inks.jpg", "inks.tif"])
    def path(self, request, tmp_path):
        Image.fromarray(INKS, "CMYK").save(tmp_path / request.param, icc_profile=INK_PROFILE)
        return tmp_path / request.param

    def test_has_the_colors_that_it_says(self, path):
        for read in (read_picture(path).pixels, read_image(path), from_pil(Image.open(path)).pixels):
            assert np.abs(read[8, 8].astype(int) - 255).max() <= 1
            assert np.abs(read[8, 24].astype(int) - 40).max() <= 2  # L* 16 in sRGB

    def test_loses_the_profile_which_has_done_its_work_without_a_warning(self, path, caplog):
        picture = read_picture(path)
        assert (picture.metadata.icc, picture.stored_as) == (b"", "CMYK")
        assert not caplog.records


@pytest.mark.parametrize("told", [{}, {"icc_profile": CMYK_PROFILE}], ids=["none", "damaged"])
def test_without_a_profile_inks_are_mixed_as_pillow_does(told, tmp_path):
    image = Image.fromarray(photo(16, 32)).convert("CMYK")
    image.save(tmp_path / "inks.tif", **told)
    assert np.array_equal(read_picture(tmp_path / "inks.tif").pixels, np.asarray(image.convert("RGB")))
