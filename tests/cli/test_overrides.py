"""What the command line cannot have is one line that names the setting and what to write."""

import os
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

from inlay.cli.building import instantiate, problems
from inlay.cli.masks import _buckets, _generate, _preview
from inlay.cli.overrides import explained
from inlay.cli.settings import compose_config
from inlay.cli.training import check_run
from inlay.errors import InlayError
from inlay.pipeline import check_request
from inlay.shell import quoted
from tests.conftest import ROOT
from tests.training import train

DEMO = "experiment=demo"


@pytest.mark.stranger("B.5")
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("iterations=abc", "iterations=abc: a whole number is needed here."),
        ("iterations=0", "iterations must be at least 1, got 0."),
        ("trainer.log_every_n_steps=0", "trainer.log_every_n_steps must be at least 1, got 0."),
        ("checkpoint_every=-3", "checkpoint_every must be at least 1, got -3."),
        ("optimizer.lr=fast", "optimizer.lr=fast: a number is needed here."),
        ("data.crop_scale=[0.5]", "data.crop_scale=[0.5]: a list, [a number, a number], is needed here."),
        ("loss.terms.hole.weight=heavy", "loss.terms.hole.weight=heavy: a number is needed here."),
        ("run_name=2024", "text is needed here. To give a number as text, quote it twice: 'run_name=\"2024\"'"),
        ("+data.imagesize=64", "data.imagesize: there is no such setting. Did you mean image_size?"),
        ("+lr=0.1", "lr=: nothing reads this. Did you mean optimizer.lr?"),
        ("lr=0.1", "lr=: there is no such setting. Did you mean optimizer.lr?"),
        ("data.imagesize=64", "data.imagesize=: there is no such setting. Did you mean data.image_size?"),
        ("max_steps=10", "max_steps=: there is no such setting. Did you mean iterations?"),
        ("val_masks=boxes", "val_masks=: there is no such setting. Did you mean masks@val_masks or "),
        ("~nothing", "~nothing: there is no such setting to delete. conf/ explains all there are."),
        ("data=fooo", "data=fooo: there is no such choice. Choose one of: cub, demo, flist, folder, index, pets, pl"),
        ("iterations", "iterations: a setting is written key=value."),
        ("data.crop_scale=[0.5", "A list is written data.crop_scale=[a,b]"),
        ("run_dir=/a=b", "is quoted twice: 'run_dir=\"/a=b\"'"),
        ("run_dir=/a,b", "a text with commas is quoted twice: 'run_dir=\"/a,b\"'"),
    ],
)  # fmt: skip
def test_is_told_in_a_line(setting, said):
    with pytest.raises(InlayError) as refused:
        check_run(compose_config([DEMO, setting]))
    assert said in str(refused.value)
    assert "provider" not in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.stranger("B.12")
@pytest.mark.parametrize("seed", [-1, 2**32, 10**30])
def test_a_seed_out_of_range_is_the_same_line_everywhere(seed):
    said = re.escape(f"seed must be from 0 to 4294967295, got {seed}.")
    masks = SimpleNamespace(settings=[], count=1, size=16, seed=seed, out="out")
    protocol = compose_config(["protocol=smoke", f"protocol.seed={seed}"], "evaluate").protocol
    for take in (
        lambda: check_run(compose_config([DEMO, f"seed={seed}"])),
        lambda: instantiate(compose_config(["data=demo", f"data.seed={seed}"]).data),
        lambda: instantiate(protocol)(recipe={}),
        lambda: check_request(None, seed, 1),
        *(lambda run=run: run(masks) for run in (_generate, _buckets, _preview)),
    ):
        with pytest.raises(InlayError, match=said):
            take()


@pytest.mark.stranger("B.5")
def test_a_name_that_stands_for_no_setting_is_told_with_the_way_to_write_it():
    told = r"run_name: .* none of this name .*'run_name=\"\\\$\{...\}\"'"
    with pytest.raises(InlayError, match=told), explained("train"):
        OmegaConf.to_container(compose_config([DEMO, "run_name=${nobody}"]), resolve=True)


@pytest.mark.stranger("B.5")
@pytest.mark.parametrize("path", ["/a,b", "/a=b", "/a b/(c)", "/${home}", "/é", 'say "a"'])
def test_what_the_message_says_to_write_is_read_as_meant(path):
    (word,) = shlex.split(quoted("data.root", path))
    assert compose_config([word]).data.root == path


@pytest.mark.stranger("B.5")
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("optimizer.lr=-1", "Invalid learning rate: -1"),
        ("+optimizer.speed=1", "optimizer.speed: there is no such setting"),
        ("trainer.devices=-5", "the trainer cannot be had here"),
    ],
)
def test_numbers_that_a_library_refuses_are_told_before_the_run(tmp_path, noise, setting, said):
    with pytest.raises(InlayError, match=said):
        train(tmp_path / "run", f"data.root={noise}", setting)
    assert not (tmp_path / "run").exists()


@pytest.mark.stranger("B.5")
@pytest.mark.parametrize("name", sorted({path.stem for path in (ROOT / "conf/protocol").glob("*.yaml")} - {"base"}))
def test_no_protocol_of_ours_is_refused(name):
    cfg = compose_config([f"protocol={name}"], "evaluate")
    assert list(problems(cfg)) == []


def test_what_cannot_be_found_is_told():
    with pytest.raises(InlayError, match=r"there is no inlay.models.Nobody, which _target_ names"):
        instantiate(OmegaConf.create({"_target_": "inlay.models.Nobody"}))


@pytest.mark.stranger("B.5")
@pytest.mark.parametrize(
    ("program", "setting", "said"),
    [
        ("train.py", "lr=0.1", "lr=: there is no such setting. Did you mean optimizer.lr?\n"),
        ("evaluate.py", "protocol=none", "protocol=none: there is no such choice. Choose one of: center,"),
        pytest.param(  # PyTorch is imported for it
            "train.py", "run_dir=FILE/run", "FILE/run: cannot be written (Not a directory). Choose",
            marks=pytest.mark.slow,
        ),
    ],
)  # fmt: skip
def test_the_programs_end_with_a_line_and_status_1(tmp_path, program, setting, said):
    file = tmp_path / "file"
    file.touch()
    done = subprocess.run(
        [sys.executable, program, setting.replace("FILE", str(file))],
        cwd=ROOT, env={**os.environ, "COLUMNS": "200"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr.startswith("error: " + said.replace("FILE", str(file)))
    assert (done.stderr.count("\n"), done.returncode) == (1, 1)


@pytest.mark.stranger("17.A.10")
@pytest.mark.parametrize(
    ("setting", "written"),
    [
        ("run_name=it's", 'run_name="it\'s"'),
        ('run_name=say "a"', 'run_name="say \\"a\\""'),
        ("data.root=a~/x", 'data.root="a~/x"'),
        ("run_dir='o/${now:%Y'", "run_dir=\"'o/\\${now:%Y'\""),
        ("run_dir=${%", 'run_dir="\\${%"'),
    ],
)
def test_quotes_and_percent_signs_are_told_with_the_way_to_write_them(setting, written):
    with pytest.raises(InlayError, match=r"cannot be read\. ") as refused:
        compose_config(["data=folder", setting])
    assert shlex.quote(written) in str(refused.value)
    assert "token" not in str(refused.value)
