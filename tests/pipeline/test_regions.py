import numpy as np
import pytest

from inlay.configs import names_in
from inlay.errors import InlayError
from inlay.images import Picture
from inlay.masks import Boxes, Strokes
from inlay.pipeline import AlphaRegion, GeneratedRegion, Region, load_region
from inlay.randomness import RngStream, generator
from tests.pictures import half, picture

GIVEN = picture(size=(40, 60))


def drawn(region, image="a.png", **options):
    (hole,) = region.holes([GIVEN], image, **options)
    return hole.mask


@pytest.mark.parametrize("name", names_in("region"))
def test_every_configuration_finds_a_hole(name):
    region = load_region(name)
    assert isinstance(region, Region)
    clear = Picture(np.where(half(20, 30)[..., None], 0, 255).repeat(4, 2).astype(np.uint8))
    (hole,) = region.holes([clear], "a.png", seed=3)
    assert 0 < hole.mask.mean() < 1


def test_a_drawn_hole_depends_on_seed_name_and_page_alone():
    region = GeneratedRegion(Strokes(ratio=(0.1, 0.3)))
    first = drawn(region, seed=3)
    assert np.array_equal(first, drawn(region, "elsewhere/a.png", seed=3))
    others = [drawn(region, seed=4), drawn(region, "b.png", seed=3), drawn(region, seed=3, frame=2)]
    assert not any(np.array_equal(first, other) for other in others)
    pages = region.holes([GIVEN, GIVEN], "a.png", seed=3)
    assert all(np.array_equal(page.mask, mask) for page, mask in zip(pages, (first, others[2]), strict=True))
    address = generator(7, RngStream.REGION, epoch=1, index=0x6105D6CC)  # how the SHA-256 of ``image`` begins
    assert np.array_equal(drawn(GeneratedRegion(Boxes()), None, seed=7), Boxes()(40, 60, address))


def test_what_is_transparent_is_the_hole():
    clear = np.dstack([picture().pixels, np.where(half(20, 30), 10, 250).astype(np.uint8)])
    (hole,) = AlphaRegion().holes([Picture(clear)], "a.png")
    assert np.array_equal(hole.mask, half(20, 30))
    with pytest.raises(InlayError, match=r"a\.png: no mask .* transparent"):
        AlphaRegion().holes([GIVEN], "a.png")


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("stroke", r"region: no 'stroke'\. Use .*strokes"),
        ({"_target_": "inlay.masks.Strokes"}, "Strokes is no region.*conf/region"),
        ({"_target_": "inlay.pipeline.regions.load_region"}, "is not a class"),
        ({"_target_": "inlay.pipeline.regions.GeneratedRegion", "masks": 3}, "masks must be a mask generator"),
        ({"_target_": "inlay.pipeline.composers.HardComposer"}, "is not a class"),
    ],
)
def test_what_is_no_region_is_refused(config, says):
    with pytest.raises(InlayError, match=says):
        load_region(config)
