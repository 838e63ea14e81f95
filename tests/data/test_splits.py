import pytest

from inlay.data.records import RejectedFile
from inlay.data.splits import none_empty, place_of, split_of

IDS = [f"{number}.jpg" for number in range(3000)]


def rows(ids, splits=None):
    return [
        {"id": id, "image": id, "split": split} for id, split in zip(ids, splits or map(split_of, ids), strict=True)
    ]


def ids_in(split, count):
    return [id for id in IDS if split_of(id) == split][: int(count)]


def test_a_function_of_the_name_alone():
    """Written down once: another value would send pictures that were trained on to the test."""
    assert place_of("13.jpg") == 0xF73122A5D9FCA555 / 2**64  # echo -n 13.jpg | sha256sum
    assert [split_of(id) for id in ("a.jpg", "3.jpg", "13.jpg", "Größe/雪.jpg")] == ["train", "val", "test", "train"]


def test_shares():
    shares = [sum(split_of(id) == split for id in IDS) / len(IDS) for split in ("train", "val", "test")]
    assert shares == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


HANDFULS = ["train:2", "val:2", "test:2", "val:1 test:1", "val:1 test:5", "test:1 train:1", "train:30"]


@pytest.mark.parametrize("handful", HANDFULS)
def test_a_handful_has_something_to_train_on_and_to_validate_with(handful):
    ids = [id for part in handful.split() for id in ids_in(*part.split(":"))]
    after = [row["split"] for row in none_empty(rows(ids))]
    assert {"train", "val"} <= set(after)
    assert sum(new != row["split"] for new, row in zip(after, rows(ids), strict=True)) <= 2


def test_where_nothing_is_empty_nothing_changes():
    ids = ids_in("train", 5) + ids_in("val", 1)
    for some in (ids, ids_in("test", 1)):
        assert list(none_empty(rows(some))) == rows(some)
    refused = RejectedFile("x.jpg", "because")
    assert list(none_empty([refused, *rows(ids)])) == [refused, *rows(ids)]


def test_many_pictures_stream_and_stay():
    (row,) = rows(ids_in("test", 1))

    def endless():
        while True:
            yield RejectedFile("x", "y")
            yield row

    stream = none_empty(endless())
    assert [next(stream) for _ in range(501)][1]["split"] == "test"
