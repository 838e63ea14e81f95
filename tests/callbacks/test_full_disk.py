"""A disk that somebody else fills while a run is between two checkpoints."""

import pytest

from inlay.callbacks import AtomicCheckpointIO, MetricsCSV
from inlay.errors import InlayError
from tests.full_disk import fill_disk
from tests.kills import remains
from tests.training import train

SETTINGS = ["iterations=6", "validate_every=3", "checkpoint_every=2", "callbacks=plain"]


@pytest.fixture(scope="module")
def whole(noise, tmp_path_factory):
    train(folder := tmp_path_factory.mktemp("whole"), f"data.root={noise}", *SETTINGS)
    return remains(folder)


@pytest.mark.stranger("B.19")
@pytest.mark.parametrize(
    ("owner", "name", "where", "message"),
    [
        (AtomicCheckpointIO, "save_checkpoint", "metrics.csv", "cannot be written .* Make room"),
        (MetricsCSV, "save", "step_0000003.ckpt", "the checkpoint could not be written .* make room, then resume=last"),
    ],
)
def test_one_line_says_where_and_with_room_the_run_ends_with_the_same_bytes(
    owner, name, where, message, noise, whole, tmp_path, monkeypatch, caplog
):
    done, inner = [], getattr(owner, name)

    def then_full(*arguments, **options):
        inner(*arguments, **options)
        done.append(name)
        if len(done) == {"save_checkpoint": 2, "save": 5}[name]:
            fill_disk(patch)

    settings, filled = [f"data.root={noise}", *SETTINGS], tmp_path / "filled"
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, then_full)
        with pytest.raises(InlayError, match=rf"{where}: {message}") as refused:
            train(filled, *settings)
    assert "resume=last" in caplog.text + str(refused.value)
    train(filled, *settings, "resume=last")
    assert remains(filled) == whole
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".inlay-") or "exception" in path.name]
