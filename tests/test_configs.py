"""Small objects described by a YAML file."""

import re

import pytest

from inlay.configs import build, names_in, read_config
from inlay.errors import InlayError
from inlay.masks import Strokes

MASKS = ("inlay.masks",)


def test_builds_nested_classes():
    strokes = {"_target_": "inlay.masks.Strokes"}
    mix = {"_target_": "inlay.masks.MixedMasks", "odds": {"a": 1}, "families": {"a": strokes}}
    assert build("region", mix, MASKS).families == {"a": Strokes()}


@pytest.mark.stranger("18.5")
@pytest.mark.parametrize(
    "target",
    ["os.system", "inlay.masks.by_ratio", "inlay.masks.os.system", "inlay.masks.generators.math.floor", "masks", None,
     "inlay.masks.generators.PaintedMask.draw", "inlay.masks.generators.Range",
     "inlay.masksx.Strokes", "inlay.masks.paired.Path"],
)  # fmt: skip
def test_a_function_and_a_class_of_another_package_are_refused(target):
    with pytest.raises(InlayError, match=f"^region: _target_={re.escape(repr(target))} is not a class of inlay.masks"):
        build("region", {"_target_": target}, MASKS)
    with pytest.raises(InlayError, match="is not a class"):
        build("region", {"_target_": "inlay.masks.MixedMasks", "families": [{"_target_": target}]}, MASKS)


def test_an_unknown_setting_is_named_with_those_there_are():
    with pytest.raises(InlayError, match=r"region: Strokes: .*'size'.* Its settings are ratio, border"):
        build("region", {"_target_": "inlay.masks.Strokes", "size": 3}, MASKS)


@pytest.mark.stranger("18.5")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("!!python/object/apply:os.system [date]", "not a YAML file"),
        ("[" * 5000, "not a YAML file"),
        ("a: b: c", "not a YAML file"),
        ("ratio: 3", "has no _target_"),
        ("- 3", "has no _target_"),
        ("", "has no _target_"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_configuration_is_named(tmp_path, text, says):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InlayError, match=rf"a\.yaml: {says}"):
        read_config("masks", tmp_path / "a.yaml")


def test_names_are_files_of_the_group(tmp_path):
    assert read_config("masks", "strokes")["_target_"] == "inlay.masks.Strokes"
    assert "strokes" in names_in("masks")
    with pytest.raises(InlayError, match=r"masks: no 'stroke'\. Use .*strokes"):
        read_config("masks", "stroke")
    with pytest.raises(InlayError, match="no such file"):
        read_config("masks", tmp_path / "none.yaml")
