import pytest

from inlay.callbacks import MetricsCSV
from inlay.errors import InlayError
from tests.full_disk import full_after


def logged(folder, *rows):
    logger = MetricsCSV(str(folder))
    for step, row in rows:
        logger.log_metrics(row, step)
        logger.save()
    return logger.path


TRAIN, VAL = (0, {"train/loss": 0.5}), (1, {"val/psnr/10-20": 2, "val/psnr": -0.25})


@pytest.mark.stranger("B.1")
@pytest.mark.parametrize("before", [[VAL, TRAIN], [TRAIN, VAL], [(0, {"z": 1}), (3, {"train/loss": 1})]])
def test_bytes_do_not_depend_on_what_a_killed_run_logged_first(before, tmp_path):
    whole = logged(tmp_path / "a", TRAIN, VAL, (2, {"z": 1})).read_bytes()
    killed = logged(tmp_path / "b", *before)
    resumed = MetricsCSV(str(killed.parent))
    resumed.rewind(0)
    for step, row in (TRAIN, VAL, (2, {"z": 1})):
        resumed.log_metrics(dict(reversed(row.items())), step)
        resumed.save()
    assert killed.read_bytes() == whole
    assert whole.startswith(b"step,train/loss,val/psnr,val/psnr/10-20,z\r\n0,0.5,,,\r\n1,,-0.25,2,\r\n")


@pytest.mark.stranger("B.19")
def test_a_full_disk_leaves_whole_rows_and_says_what_helps(tmp_path):
    path = logged(tmp_path, *((step, {"loss": 1}) for step in range(3)))
    rows, logger = path.read_bytes(), MetricsCSV(str(tmp_path))
    logger.rewind(3)
    logger.log_metrics({"loss": 1.25}, 3)
    with full_after(len(rows) + 3), pytest.raises(InlayError, match=r"metrics\.csv: cannot be written .* Make room"):
        logger.save()
    assert path.read_bytes() == rows


def test_half_a_row_is_dropped(tmp_path):
    path = logged(tmp_path, (0, {"loss": 1}), (1, {"loss": 2}))
    path.write_bytes(path.read_bytes()[:-3])
    MetricsCSV(str(tmp_path)).rewind(5)
    assert path.read_bytes() == b"step,loss\r\n0,1\r\n"


def test_another_table_is_not_gone_on_with(tmp_path):
    (tmp_path / "metrics.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InlayError, match=r"metrics\.csv: not the table of a run .* Move it away"):
        MetricsCSV(str(tmp_path)).rewind(1)
