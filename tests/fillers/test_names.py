import pytest

from inlay.errors import InlayError
from inlay.fillers import CLASSICAL, short_name, short_names


@pytest.mark.parametrize(
    ("given", "short"),
    [
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
        *((name, name) for name in CLASSICAL),
    ],
)
def test_a_name_is_short(given, short):
    assert short_name(given) == short


YEARS = ["outputs/2024/demo/best", "outputs/2025/demo/best", "other/2025/demo/best"]


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (("telea", "model:o/demo/checkpoints/best.ckpt", "b/last.ckpt"), ["telea", "demo/best", "b/last"]),
        ([f"model:{run}.ckpt" for run in YEARS], ["2024/demo/best", *YEARS[1:]]),
        (("telea", "model:telea"), ["telea", "here/telea"]),
        (("x.ckpt", "../x.ckpt"), ["here/x", "above/x"]),
        (("/a/x.ckpt", "/a/x.pt"), ["/a/x.ckpt", "/a/x.pt"]),
        (("/a/x.ckpt", "/a/checkpoints/x.ckpt"), ["/a/x.ckpt", "/a/checkpoints/x.ckpt"]),
        (("telea", "/telea"), ["telea", "/telea"]),
    ],
    ids=" ".join,
)
def test_there_is_a_name_for_whatever_differs(given, names, tmp_path, monkeypatch):
    (tmp_path / "above/here").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "above/here")
    assert short_names(given) == names


def test_the_same_twice_is_refused():
    for given in (["telea", "telea"], ["a/x.ckpt", "model:a/x.ckpt"], ["a/x.ckpt", "./b/../a/x.ckpt"]):
        with pytest.raises(InlayError, match=f"filler: {given[0]} and {given[1]} are the same"):
            short_names(["mean", *given])


def test_a_link_keeps_its_name(tmp_path):
    (tmp_path / "step_1.ckpt").touch()
    (tmp_path / "best.ckpt").symlink_to("step_1.ckpt")
    names = short_names([str(tmp_path / "step_1.ckpt"), str(tmp_path / "best.ckpt")])
    assert [name.split("/")[1] for name in names] == ["step_1", "best"]
