from collections import Counter
from dataclasses import dataclass
from unittest.mock import Mock

import numpy as np
import pytest

from inlay.errors import BadFile, InlayError, NoHole
from inlay.masks import MixedMasks, Objects, Paired, Strokes, UnitedMasks
from tests.masks.contexts import PlainContext, disc
from tests.masks.mask_tester import address
from tests.pictures import write_mask


@dataclass(frozen=True, kw_only=True)
class Row:
    """A family whose mask tells which one it is: a row of the picture."""

    number: int = 0
    ratio: tuple[float, float] | None = None

    def __call__(self, height, width, rng, context=None):
        mask = np.zeros((height, width), np.bool_)
        mask[self.number] = True
        return mask


def mix(odds, **families):
    return MixedMasks(families={name: families.get(name, Row(number=i)) for i, name in enumerate(odds)}, odds=odds)


def drawn(family, count=400):
    return Counter(int(np.flatnonzero(family(8, 8, address(index)).any(axis=1))[0]) for index in range(count))


def test_united_masks_leave_something_known_and_ask_all_for_partners():
    everything = UnitedMasks(families={"all": Mock(return_value=np.ones((8, 8), np.bool_))})
    assert everything(8, 8, address()).sum() == 63
    paired = Mock(spec=Paired, without_partner=lambda ids: [one for one in ids if one != "a"])
    assert UnitedMasks(families={"row": Row(), "paired": paired}).without_partner(["b", "a"]) == ["b"]
    with pytest.raises(InlayError, match=r"masks\.families"):
        UnitedMasks(families={})


@pytest.mark.parametrize("odds", [(1, 1), (4, 2, 0, 1), (0.1, 0.3)])
def test_odds_are_relative_and_kept_to_by_name(odds):
    counts = drawn(mix(dict(zip("abcd", odds, strict=False))), 2000)
    for number, share in enumerate(np.array(odds) / sum(odds)):
        assert abs(counts[number] - 2000 * share) <= 4 * np.sqrt(2000 * share * (1 - share))
    assert drawn(MixedMasks(families={"a": Row(), "b": Row(number=1)}, odds={"b": 1, "a": 0}), 20) == {1: 20}


def test_asks_each_once_a_mask():
    families = {name: Mock(side_effect=NoHole("nothing"), ratio=None) for name in "abc"}
    with pytest.raises(NoHole, match=r"^nothing; nothing$"):
        mix({"a": 9, "b": 1, "c": 0}, **families)(8, 8, address())
    assert [family.call_count for family in families.values()] == [1, 1, 0]


def test_leaves_what_has_no_hole_to_the_others_and_hides_no_other_mistake():
    counts = drawn(mix({"a": 6, "b": 1, "c": 3}, a=Mock(side_effect=NoHole("too small"))))
    assert abs(counts[1] / 400 - 1 / 4) < 0.08
    assert counts[1] + counts[2] == 400
    for error in (BadFile("mask.png", "broken"), InlayError("masks.root: none")):
        with pytest.raises(type(error)):
            mix({"a": 1}, a=Mock(side_effect=error))(8, 8, address())


def test_hands_the_picture_on_and_without_a_ratio_each_has_its_own():
    context = PlainContext(size=(64, 64), whole_object=disc(64, 20))
    mask = MixedMasks(families={"objects": Objects()}, odds={"objects": 1})(64, 64, address(), context)
    assert np.array_equal(mask, disc(64, 20))
    family = MixedMasks(families={"s": Strokes(ratio=(0.7, 0.8))}, odds={"s": 1})
    assert 0.7 <= family(64, 64, address()).mean() <= 0.8


def test_lists_pictures_without_partner(tmp_path):
    write_mask(tmp_path / "one.png", disc(40, 10))
    family = mix({"a": 1, "b": 1}, b=Paired(root=str(tmp_path)))
    assert family.without_partner(iter(["one.jpg", "two.jpg"])) == ["two.jpg"]
    assert mix({"a": 1}).without_partner(["two.jpg"]) == []
    assert mix({"a": 1, "b": 0}, b=Paired(root=str(tmp_path))).without_partner(["two.jpg"]) == []


@pytest.mark.parametrize(
    ("odds", "message"),
    [
        ({"a": 1}, "name the families a, b; got a"),
        ({}, "name the families a, b; got none"),
        ({"a": 1, "b": 1, "c": 1}, "name the families a, b; got a, b, c"),
        ({"a": 1, "b": -1}, "not be negative"),
        ({"a": 0, "b": 0}, ".*one must be positive"),
    ],
)
def test_names_bad_odds(odds, message):
    with pytest.raises(InlayError, match=rf"masks\.odds (must )?{message}"):
        MixedMasks(families={"a": Row(), "b": Row()}, odds=odds)
