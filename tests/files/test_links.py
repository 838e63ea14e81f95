import os

import pytest

from inlay.errors import InlayError
from inlay.files import check_links


@pytest.fixture
def run(tmp_path):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    (tmp_path / "victim").touch()
    return tmp_path / "run"


@pytest.mark.stranger("A.8")
@pytest.mark.parametrize("target", ["../victim", "../missing", "{}/victim", "loop", "checkpoints/../../victim"])
@pytest.mark.parametrize("link", ["config.yaml", "checkpoints/deep"])
def test_a_link_that_leads_out_is_refused(link, target, run):
    (run / "loop").symlink_to("../run2/loop")
    target = os.path.relpath(run / target, run / "checkpoints") if "/" in link and "{" not in target else target
    (run / link).symlink_to(target.format(run.parent))
    with pytest.raises(InlayError, match=f"{link}: a link that leads out of .*Remove the link"):
        check_links(run, ["config.yaml", "checkpoints"])


def test_links_within_and_those_of_others_stay(run, tmp_path):
    (run / "checkpoints/last.ckpt").symlink_to("step_1.ckpt")
    (run / "data").symlink_to("../victim")
    (run / "wandb").mkdir()
    (run / "wandb/debug.log").symlink_to("/var/log/debug.log")
    (tmp_path / "by_link").symlink_to("run")
    for folder in (run, tmp_path / "by_link", tmp_path / "missing"):
        check_links(folder, ["config.yaml", "checkpoints", "wandb"])
