"""Files of strangers leave no trace: nothing runs, nothing is written, nothing elsewhere is read."""

import pickle
import re
import sys
from contextlib import suppress
from types import SimpleNamespace

import pytest
import torch

from inlay import checkpoints
from inlay.checkpoints import META_KEY
from inlay.cli import main, replay
from inlay.errors import InlayError
from inlay.export.folder import write_folder
from inlay.export.hub import push_folder
from inlay.fillers import load_filler
from inlay.runs import resume
from inlay.runs.resume import resolve_run_id
from inlay.runs.start import init_weights, resolve_vocabulary
from inlay.text import GRUEncoder
from tests.export.examples import CONFIG, WORDS, bombs, named, pconv, scene, with_entry, write, write_pconv

NAMES = ["best.ckpt", "pytorch_model.bin", "model.pt", "model.safetensors", "model.onnx"]


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command(*words):
    def run(path):
        sys.argv = ["inlay", *(str(word).format(path=path, folder=path.parent) for word in words)]
        main()

    return run


USES = {
    "read": checkpoints.read,
    "load_filler": load_filler,
    "export": command("export", "{path}", "--to", "{folder}/out"),
    "export onnx": command("export", "{path}", "--to", "{folder}/out.onnx"),
    "push": command("push", "{path}", "--to", "ann/tiny", "--license", "mit"),
    "push a folder": command("push", "{path}", "--to", "ann/tiny"),
    "import naoto0804": command("import", "--from", "naoto0804", "{path}", "--to", "{folder}/out"),
    "import tdanet": command("import", "--from", "tdanet", "{folder}", "--to", "{folder}/out"),
}


@pytest.fixture
def refused(monkeypatch, capsys, hub):
    """That something is refused in one line, and leaves what is there as it was."""
    monkeypatch.setattr(sys, "argv", [])

    def check(use, path):
        before = files(path.parent)
        try:
            with pytest.raises((InlayError, SystemExit)) as raised:
                use(path)
        finally:
            assert not (path.parent / "trace").exists()
        said = capsys.readouterr().err.strip() if raised.type is SystemExit else str(raised.value)
        assert re.fullmatch("(?!.*Traceback).+", said)
        assert (files(path.parent), hub.asked) == (before, [])
        return said

    return check


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_code_in_a_pickle_never_runs(use, tmp_path, refused):
    for kind, data in bombs(tmp_path / "trace"):
        for name in NAMES:
            home = tmp_path / kind.replace(" ", "_") / name.replace(".", "_")
            home.mkdir(parents=True)
            for file in (name, "1_net_E.pth", "1_net_G.pth"):  # what the official TDANet calls its files
                (home / file).write_bytes(data)
            refused(use, home / name)
    assert not (tmp_path / "trace").exists()


def test_a_bomb_is_one(tmp_path):
    pickle.loads(dict(bombs(tmp_path / "trace"))["pickle"])
    assert (tmp_path / "trace").is_dir()


@pytest.mark.parametrize("use", [USES[name] for name in ("read", "load_filler", "export", "push a folder")])
def test_code_in_a_folder_never_runs(use, tmp_path, refused):
    write_folder(tmp_path / "stranger", checkpoints.read(write_pconv(tmp_path / "tiny.ckpt")), "")
    for _, data in bombs(tmp_path / "trace"):
        (tmp_path / "stranger/pytorch_model.bin").write_bytes(data)
        (tmp_path / "stranger/model.safetensors").write_bytes(data)
        refused(use, tmp_path / "stranger")
    (tmp_path / "stranger/model.safetensors").unlink()
    assert "pytorch_model.bin is not opened" in refused(use, tmp_path / "stranger")


FOREIGN = (
    "os.system os.mkdir inlay.images.os.mkdir inlay.models.os.mkdir inlay.models.pconv.torch.load "
    "inlay.checkpoints.building.pkgutil.resolve_name torch.nn.Linear"
)
BOMB = {"_target_": "os.mkdir", "path": "trace"}


@pytest.mark.parametrize("target", [*FOREIGN.split(), {"_target_": "os.mkdir"}])
def test_settings_call_nothing_of_others(tmp_path, refused, target):
    config = CONFIG | {"model": CONFIG["model"] | {"_target_": target, "path": "trace"}}
    write_folder(tmp_path / "stranger", checkpoints.read(write_pconv(tmp_path / "a.ckpt", config=config)), "")
    for path in (tmp_path / "a.ckpt", tmp_path / "stranger"):
        assert "is not an allowed network. The file is not to be trusted." in refused(load_filler, path)


def test_settings_that_are_not_for_the_network_are_called_by_nobody_and_what_is_read_is_left_as_it_is(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config = CONFIG | dict.fromkeys(("masks", "loss", "optimizer", "scheduler"), BOMB)
    path = write_pconv(tmp_path / "a.ckpt", config=config)
    write_folder(tmp_path / "stranger", checkpoints.read(path), "")
    before = files(tmp_path)
    for given in (path, tmp_path / "stranger"):
        load_filler(given).fill(*scene())
    assert (files(tmp_path), sorted(file.name for file in tmp_path.iterdir())) == (before, ["a.ckpt", "stranger"])


@pytest.mark.parametrize("name", ["../../gone", "{}/gone", "archive/../../gone"])
def test_names_in_an_archive_lead_nowhere(tmp_path, name):
    path = write_pconv(tmp_path / "a/b/best.ckpt")
    path.write_bytes(with_entry(path.read_bytes(), name.format(tmp_path)))
    with suppress(InlayError):  # it may be used or refused
        load_filler(path)
    assert [*files(tmp_path)] == [path]


def test_a_snapshot_of_the_hub_is_read_no_further(hub, tmp_path):
    write_folder(tmp_path / "mine", checkpoints.read(write_pconv(tmp_path / "tiny.ckpt")), "")
    own = {path.name: path.read_bytes() for path in (tmp_path / "mine").iterdir()}
    hub.repos["ann/tiny"] = own | {"../../evil.json": b"{}", "sub/model.safetensors": b"", "config.json.py": b""}
    found = checkpoints.resolve_checkpoint("ann/tiny")
    assert {path.name for path in found.iterdir()} == own.keys()
    assert not list(tmp_path.rglob("evil*"))
    (found / "config.json").unlink()
    (found / "config.json").symlink_to(tmp_path / "mine/config.json")
    with pytest.raises(InlayError, match=r"config\.json is a link that leads out of the folder"):
        load_filler(found)


def test_pickled_settings_are_plain(tmp_path):
    path = tmp_path / "odd.ckpt"
    for config in (None, [], "model", {"model": None}, {"model": {"_target_": "inlay.models.PConvUNet", "levels": {}}}):
        torch.save({"state_dict": named(net=pconv()), META_KEY: {"config": config}}, path)
        with pytest.raises(InlayError):
            load_filler(path)


@pytest.mark.stranger("A.1")
def test_a_run_that_goes_on_from_a_checkpoint_or_starts_from_it_builds_nothing_of_its_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    groups = ("data", "masks", "loss", "task", "optimizer", "scheduler", "callbacks", "logger", "trainer")
    config = CONFIG | dict.fromkeys(groups, BOMB) | {"text": WORDS | BOMB, "hydra": {"run": BOMB}}
    state = named(net=pconv(), text=GRUEncoder(**WORDS))
    path = write(tmp_path / "a.ckpt", state, config, global_step=1, loops={}, optimizer_states=[])
    assert resume.find(str(tmp_path), str(path)) == path
    resume.compare(path, config)
    init_weights(SimpleNamespace(net=pconv(), text=GRUEncoder(**WORDS)), str(path), str(path))
    wanted = {"text": {"vocabulary": {}, "frozen": False}, "text_from": str(path)}
    assert resolve_vocabulary(wanted, None, None) == WORDS["vocabulary"]
    assert [*files(tmp_path)] == [path]
    assert not (tmp_path / "trace").exists()


@pytest.mark.stranger("A.1")
def test_a_run_takes_no_path_for_its_name(tmp_path):
    path = write_pconv(tmp_path / "a.ckpt", config=CONFIG | {"run_id": "../../x' or '1"})
    with pytest.raises(InlayError, match="run_id=NAME"):
        resolve_run_id(None, path)
    assert resolve_run_id("mine", path) == "mine"


TASK = {"task": {"_target_": "inlay.tasks.ReconstructionTask", "_partial_": True}}


@pytest.mark.stranger("A.1", "A.2")
@pytest.mark.parametrize(
    ("settings", "said"),
    [
        *(({}, "its settings make no task"), (TASK, "its settings make no task")),
        (TASK | {"model": CONFIG["model"] | {"width": 10**9}}, "asks for 1,000,000,000"),
        (TASK | {"model": CONFIG["model"] | {"width": 20_000}}, "asks for more weights than the file is about"),
    ],
)
def test_a_replay_file_that_makes_no_task_or_a_larger_network_than_its_weights_is_one_line(settings, said, tmp_path):
    with pytest.raises(InlayError, match=said):
        replay.run(str(write_pconv(tmp_path / "a.pt", config=settings, batch={})), [])


@pytest.mark.stranger("A.1")
def test_a_card_that_is_a_link_is_not_uploaded(tmp_path, hub):
    write_folder(tmp_path / "stranger", checkpoints.read(write_pconv(tmp_path / "tiny.ckpt")), "")
    (tmp_path / "secret").write_text("---\nlicense: mit\n---\nsecret")
    (tmp_path / "stranger/README.md").unlink()
    (tmp_path / "stranger/README.md").symlink_to(tmp_path / "secret")
    with pytest.raises(InlayError, match=r"README\.md is a link that leads out of the folder"):
        push_folder(tmp_path / "stranger", "ann/tiny")
    assert hub.asked == []
