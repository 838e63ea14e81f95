"""The options of ``inlay predict``, and messages that name them."""

import pytest

from inlay.cli.predict import as_typed


@pytest.mark.stranger("17.B.4")
@pytest.mark.parametrize(
    ("message", "typed"),
    [
        ("Paint it white, or use mask_polarity=black.", "Paint it white, or use --mask-polarity black."),
        ("Use batch=1, strategy=tile or device=cpu.", "Use --batch 1, --strategy tile or --device cpu."),
        ("or use threshold=7.6e-06.", "or use --threshold 7.6e-06."),
        ("Choose one with frame=N, or save it.", "Choose one with --frame N, or save it."),
        ("in/frame=3.png: no such file, seed=3", "in/frame=3.png: no such file, seed=3"),
    ],
)
def test_remedies_are_told_as_they_are_typed(message, typed):
    assert as_typed(message) == typed
