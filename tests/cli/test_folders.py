"""Folders of runs: one that nobody else has, and that one process uses at a time."""

import pytest

from inlay.cli.folders import EVALUATION, NewFolder, OwnFolder, reserved
from inlay.evaluation.folder import WRITTEN, EvalFolder
from tests.composing import with_hydra as composed


@pytest.fixture
def by_the_clock(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return "run_dir='outputs/${now:%Y}'"


@pytest.mark.stranger("B.9")
def test_a_name_that_is_taken_gets_a_number(tmp_path):
    assert [reserved(tmp_path / "a/b").name for _ in range(3)] == ["b", "b_2", "b_3"]


@pytest.mark.stranger("B.9")
@pytest.mark.parametrize(("start", "key"), [("on_run_start", "run"), ("on_multirun_start", "sweep")])
def test_two_that_start_in_one_second_have_a_folder_each(start, key, by_the_clock):
    first, second = composed(by_the_clock), composed(by_the_clock)
    for config in (first, second):
        getattr(NewFolder(), start)(config)
    assert second.hydra[key].dir == f"{first.hydra[key].dir}_2"
    assert second.hydra.overrides.hydra[-1] == f"hydra.{key}.dir='{second.hydra[key].dir}'"  # for a sweep's trials


@pytest.mark.parametrize("given", ["run_dir=mine", "hydra.run.dir=mine"])
def test_a_folder_that_was_given_stays(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    config = composed(given) if given.startswith("run_dir") else composed()
    config.hydra.overrides.hydra = [given]
    config.hydra.run.dir = "mine"
    NewFolder().on_run_start(config)
    assert config.hydra.run.dir == "mine"


@pytest.mark.stranger("A.5")
def test_a_second_training_in_a_folder_is_refused_until_the_first_ends(tmp_path, capsys):
    config, first = composed(f"run_dir={tmp_path}"), OwnFolder()
    first.on_run_start(config)
    with pytest.raises(SystemExit, match="1"):
        OwnFolder().on_run_start(config)
    assert f"{tmp_path}: in use by process " in capsys.readouterr().err
    first.on_run_end(config)
    OwnFolder().on_run_start(config)


@pytest.mark.stranger("A.5")
def test_processes_of_one_training_leave_the_folder_to_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    OwnFolder().on_run_start(composed(f"run_dir={tmp_path}"))
    assert not list(tmp_path.iterdir())


def test_processes_started_side_by_side_need_a_folder_by_name(by_the_clock, monkeypatch, capsys):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(SystemExit, match="1"):
        NewFolder().on_run_start(composed(by_the_clock))
    assert "Give run_dir=" in capsys.readouterr().err
    NewFolder().on_run_start(composed("run_dir=mine"))


@pytest.mark.stranger("A.8")
@pytest.mark.parametrize(
    ("callback", "name"),
    [(OwnFolder, "train.log"), (OwnFolder, "metrics.json"), (OwnFolder, "0/grids"), (NewFolder, "report.html")],
)
def test_a_strangers_folder_whose_links_lead_out_is_refused_before_anything_is_written(
    callback, name, tmp_path, capsys
):
    (tmp_path / "run/0").mkdir(parents=True)
    (tmp_path / "run" / name).symlink_to(tmp_path / "bashrc")
    with pytest.raises(SystemExit, match="1"):
        callback().on_run_start(composed(f"run_dir={tmp_path}/run"))
    assert f"{name}: a link that leads out of" in capsys.readouterr().err
    assert {path.name for path in tmp_path.rglob("*")} == {"run", "0", name.split("/")[-1]}


def test_what_is_looked_at_is_all_that_an_evaluation_writes(tmp_path):
    files = [value for value in vars(EvalFolder).values() if isinstance(value, property)]
    assert {*WRITTEN, *(file.fget(EvalFolder(tmp_path)).name for file in files)} <= {*EVALUATION}
