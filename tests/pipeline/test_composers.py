import numpy as np
import pytest
import torch
from scipy.ndimage import binary_dilation, distance_transform_edt

from inlay.errors import InlayError
from inlay.images import Picture
from inlay.pipeline import (
    FeatherComposer,
    FillOptions,
    HardComposer,
    Job,
    PoissonComposer,
    choose_composer,
    fill_picture,
    load_composer,
)
from inlay.pipeline.blending import dilate, edge_cells, feather, harmonic, poisson_blend
from tests.images.files import peak_memory
from tests.pictures import picture
from tests.pipeline.fillers import Painter
from tests.pipeline.test_windows import disks

SIZE = (90, 120)
HOLE = disks(SIZE, (30, 30, 10), (60, 90, 15))
NEAR = disks(SIZE, (30, 30, 10), (30, 56, 10))  # six pixels between them


def fill(filler, given=None, hole=HOLE, **blend):
    given, options = given or picture(size=hole.shape), FillOptions(composer=choose_composer(**blend))
    return given.pixels, fill_picture(filler, Job(given, hole), options).picture.pixels


@pytest.fixture(params=[2**20, 1500], ids=["at once", "in bands"])
def large(request, monkeypatch):
    """Pictures that are gone through at once, as small ones are, and band by band, as large ones are."""
    monkeypatch.setattr("inlay.images.picture._BAND", request.param)


@pytest.mark.usefixtures("large")
def test_dilated_is_all_that_is_near(rng):
    mask = rng.random((80, 70)) < 0.003
    for pixels in (1, 2, 7):
        assert np.array_equal(dilate(mask, pixels), distance_transform_edt(~mask) <= pixels)


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(("dilate", "hole", "width"), [(0, HOLE, 5), (3, HOLE, 5), (0, NEAR, 8), (4, HOLE, 0)])
def test_the_dilated_hole_is_replaced_and_feather_fades_outwards_from_the_nearest_and_ends(dilate, hole, width):
    _, filled = fill(Painter((1, 1, 1)), Picture(np.zeros((*SIZE, 3), np.uint8)), hole, feather=width, dilate=dilate)
    away = distance_transform_edt(distance_transform_edt(~hole) > dilate)
    ramp = np.where(away <= width, 255 * (1 - away / (width + 1)), 0)
    assert np.abs(filled[..., 0] - ramp).max() < 0.51


def test_blending_needs_no_more_memory_for_a_larger_hole(monkeypatch):
    """Of float32 there is a band, whatever the size."""
    monkeypatch.setattr("inlay.images.picture._BAND", 2**16)

    def extra(height):
        asked, region = (np.pad(np.ones((height - 2 * rim, 500 - 2 * rim), bool), rim) for rim in (5, 9))
        given, painted = (Picture(np.full((height, 500, 3), gray, np.uint8)) for gray in (100, 120))

        def blend():
            poisson_blend(painted, given, asked)
            feather(painted, given, asked, region, 3)

        return peak_memory(blend)

    extra(20)  # imports
    assert extra(3000) - extra(600) < 2400 * 500 * 3  # bytes a pixel: masks


class Shifted(Painter):
    """Knows the truth, in other colors."""

    def __init__(self, truth, shift):
        super().__init__()
        self.shifted = torch.from_numpy(truth / np.float32(255)).permute(2, 0, 1)[None] + shift

    def paint(self, image, mask):
        return self.shifted


@pytest.mark.usefixtures("large")
class TestPoisson:
    def test_takes_away_what_colors_are_off_and_leaves_an_answer_that_fits(self):
        rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
        gray = 120 + 40 * np.sin(rows / 9) + 20 * np.cos(columns / 5)  # textured, and away from black and white
        truth = np.repeat(np.rint(gray)[..., None], 3, 2).astype(np.uint8)
        off, holed = torch.tensor([0.1, -0.08, 0.03]).view(1, 3, 1, 1), Picture(np.where(HOLE[..., None], 0, truth))
        for shift in (off, 0):
            given, filled = fill(Shifted(truth, shift), holed, blend="poisson")
            assert np.array_equal(filled[~HOLE], given[~HOLE])
            assert np.abs(filled.astype(int) - truth).max() <= 1
        assert np.abs(fill(Shifted(truth, off), holed)[1].astype(int) - truth).max() > 20

    @pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "RGB16"])
    def test_touches_no_alpha_and_goes_with_feather(self, mode):
        given, filled = fill(Painter(), picture(mode, SIZE), blend="poisson")
        assert np.array_equal(filled[~HOLE], given[~HOLE])
        assert not mode.endswith("A") or (filled[HOLE][:, -1] == 255).all()
        given, filled = fill(Painter(), picture(mode, SIZE), blend="poisson", feather=3, dilate=2)
        far = distance_transform_edt(~binary_dilation(HOLE, iterations=2)) > 5
        assert np.array_equal(filled[far], given[far])

    @pytest.mark.parametrize("size", [(120, 200), (310, 430)])
    def test_continues_a_plane(self, size):
        """A plane is harmonic: what is painted in one color becomes the plane around it, on a coarser grid too."""
        rows, columns = np.mgrid[: size[0], : size[1]] / max(size)
        plane = 65535 * np.stack([0.3 * rows - 0.2 * columns + 0.4, columns / 2, 0.9 - rows / 3], axis=2)
        given = Picture(np.rint(plane).astype(np.uint16))
        asked = np.pad(np.ones((size[0] - 20, size[1] - 20), bool), 10)
        painted = Picture(np.where(asked[..., None], 30000, given.pixels).astype(np.uint16))
        poisson_blend(painted, given, asked)
        assert np.array_equal(painted.pixels[~asked], given.pixels[~asked])
        assert np.abs(painted.pixels - plane).max() < (1.01 if max(size) <= 256 else 65535 * 2e-3)


@pytest.mark.usefixtures("large")
def test_cells_of_a_large_picture_are_means_of_the_edge_in_them(rng):
    old, new = rng.integers(0, 65536, (2, 60, 512, 1), np.uint16)
    edge = rng.random((60, 512)) < 0.3
    values, fixed = edge_cells(old, new, edge)
    difference = np.where(edge, (old.astype(int) - new)[..., 0], 0).reshape(30, 2, 256, 2)
    count = edge.reshape(30, 2, 256, 2).sum((1, 3))
    assert np.array_equal(fixed, count > 0)
    assert np.allclose(values[fixed][:, 0], difference.sum((1, 3))[fixed] / count[fixed])


def test_harmonic_pixels_are_the_mean_of_their_neighbors(rng):
    fixed = rng.random((15, 17)) < 0.1
    values = rng.random((15, 17, 2))
    found = harmonic(values, fixed).astype(np.float64)
    assert np.allclose(found[fixed], values[fixed], atol=1e-6)
    around = (found[:-2, 1:-1] + found[2:, 1:-1] + found[1:-1, :-2] + found[1:-1, 2:]) / 4
    free = ~fixed[1:-1, 1:-1]
    assert np.allclose(found[1:-1, 1:-1][free], around[free], atol=1e-5)


HARD, POISSON = ({"_target_": f"inlay.pipeline.composers.{kind}Composer"} for kind in ("Hard", "Poisson"))
WIDE = {"dilate": 2, "feather": 4}


@pytest.mark.parametrize(
    ("short", "config", "composer"),
    [
        ({}, "hard", HardComposer()),
        ({"dilate": 2}, HARD | {"dilate": 2}, HardComposer(dilate=2)),
        ({"feather": 8}, "feather", FeatherComposer()),
        ({"blend": "poisson"}, "poisson", PoissonComposer()),
        ({"blend": "poisson", **WIDE}, POISSON | WIDE, PoissonComposer(**WIDE)),
    ],
)
def test_short_options_and_configurations_mean_the_same(short, config, composer):
    assert choose_composer(**short) == load_composer(config) == composer


@pytest.mark.parametrize(
    ("build", "says"),
    [
        (lambda: choose_composer(blend="alpha"), "blend must be one of none, poisson"),
        (lambda: choose_composer(feather=-1), "feather must be .* from 0 to 256"),
        (lambda: choose_composer(dilate=1000), "dilate must be .* from 0 to 256"),
        (lambda: load_composer("soft"), "composer: no 'soft'. Use feather, hard, poisson"),
        (lambda: load_composer({"_target_": "inlay.pipeline.composers.choose_composer"}), "is not a class"),
        (lambda: load_composer(HARD | {"dilate": 0.5}), "whole number"),
    ],
)
def test_what_is_no_composer_is_refused(build, says):
    with pytest.raises(InlayError, match=says):
        build()
