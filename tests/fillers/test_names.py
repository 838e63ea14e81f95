"""What tables call fillers."""

import pytest

from inlay.errors import InlayError
from inlay.fillers import CLASSICAL, short_name, short_names


@pytest.mark.parametrize(
    ("given", "short"),
    [
        ("telea", "telea"),
        ("model:outputs/demo/checkpoints/best.ckpt", "demo/best"),
        ("outputs/demo/checkpoints/best.ckpt", "demo/best"),
        ("/runs/a/checkpoints/step_0000100.ckpt", "a/step_0000100"),
        ("model:x.ckpt", "x"),
        ("../x.ckpt", "x"),
        ("./checkpoints/x.ckpt", "x"),
        ("a.b/c.d.ckpt", "a.b/c.d"),
        ("x", "x"),
        ("fillers/wide.yaml", "fillers/wide"),
        ({"_target_": "inlay.fillers.Telea", "radius": 5}, "Telea(radius=5)"),
        ("model:telea", "telea"),
        ("/x.ckpt", "x"),
    ],
)
def test_a_name_is_short(given, short):
    assert short_name(given) == short


@pytest.mark.parametrize("name", CLASSICAL)
def test_classical_fillers_keep_theirs(name):
    assert short_name(name) == name


def test_several_that_differ_are_called_as_each_by_itself():
    given = ["telea", "model:outputs/demo/checkpoints/best.ckpt", "b/checkpoints/last.ckpt", "mean"]
    assert short_names(given) == ["telea", "demo/best", "b/last", "mean"]


def test_those_that_would_be_called_the_same_get_more_folders():
    given = [
        "model:outputs/2024/demo/checkpoints/best.ckpt",
        "model:outputs/2025/demo/checkpoints/best.ckpt",
        "model:other/2025/demo/checkpoints/best.ckpt",
        "model:other/demo/checkpoints/last.ckpt",
    ]
    assert short_names(given) == [
        "2024/demo/best", "outputs/2025/demo/best", "other/2025/demo/best", "demo/last"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (("telea", "model:telea"), ["telea", "{here}/telea"]),
        (("x.ckpt", "../x.ckpt"), ["{here}/x", "{above}/x"]),
        (("/a/x.ckpt", "/a/x.pt"), ["/a/x.ckpt", "/a/x.pt"]),
        (("/a/x.ckpt", "/a/checkpoints/x.ckpt"), ["/a/x.ckpt", "/a/checkpoints/x.ckpt"]),
        (("telea", "/telea"), ["telea", "/telea"]),
    ],
    ids=" ".join,
)
def test_there_is_a_name_for_whatever_differs(given, names, tmp_path, monkeypatch):
    here = tmp_path / "above" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    assert short_names(given) == [name.format(here="here", above="above") for name in names]


@pytest.mark.parametrize(
    "given", [("telea", "telea"), ("a/x.ckpt", "model:a/x.ckpt"), ("a/x.ckpt", "./b/../a/x.ckpt")], ids=" ".join
)
def test_the_same_twice_is_refused(given):
    with pytest.raises(InlayError) as refused:
        short_names(["mean", *given])
    assert str(refused.value) == f"filler: {given[0]} and {given[1]} are the same filler. Leave one of them out."


def test_a_link_keeps_its_name(tmp_path):
    (tmp_path / "step_1.ckpt").touch()
    (tmp_path / "best.ckpt").symlink_to("step_1.ckpt")
    names = short_names([str(tmp_path / "step_1.ckpt"), str(tmp_path / "best.ckpt")])
    assert [name.split("/")[1] for name in names] == ["step_1", "best"]
