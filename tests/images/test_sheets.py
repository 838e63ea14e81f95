"""Pictures side by side."""

import numpy as np

from inlay.images import contact_sheet, labeled

ROWS = [[np.full((5, 7, 3), (3 * row + column) / 10) for column in range(3)] for row in range(2)]


class TestContactSheet:
    def test_has_pictures_in_reading_order_and_white_gaps_between_neighbors_alone(self):
        sheet = contact_sheet(ROWS, gap=4).pixels
        assert sheet.shape[:2] == (5 + 4 + 5, 7 + 4 + 7 + 4 + 7)
        for row in range(2):
            for column in range(3):
                part = sheet[9 * row : 9 * row + 5, 11 * column : 11 * column + 7]
                assert (part == round((3 * row + column) * 25.5)).all()
        assert (sheet[5:9] == 255).all()
        assert (sheet[:, 7:11] == 255).all()

    def test_takes_rows_that_are_generators_and_clips(self):
        sheet = contact_sheet((np.full((2, 2, 3), value) for value in (-1.0, 2.0)) for _ in range(2))
        assert (sheet.mode, sheet.pixels.min(), sheet.pixels.max()) == ("RGB", 0, 255)

    def test_pads_rows_of_another_width_with_white(self):
        sheet = contact_sheet([[np.zeros((4, 6, 3))], [np.zeros((5, 9, 3))]], gap=2)
        assert sheet.size == (4 + 2 + 5, 9)
        assert (sheet.pixels[:4, 6:] == 255).all()
        assert (sheet.pixels[6:] == 0).all()


def test_labeled_pictures_have_a_line_of_text_below(rng):
    given = rng.random((30, 90, 3)).astype(np.float32)
    tile = labeled(given, "12.3%")
    assert np.array_equal(tile[:30], given)
    strip = tile[30:]
    assert strip.shape[1:] == (90, 3)
    assert (strip.min(), strip.max()) == (0, 1)
    assert 0.01 < (strip < 0.5).mean() < 0.3
    assert not np.array_equal(labeled(given, "45.6%")[30:], strip)
