import numpy as np
import pytest

from inlay.data.pictures import find_pictures
from inlay.errors import InlayError
from inlay.images import Picture, write_picture


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def many(count, prefix="picture"):
    return [f"{prefix}_{number:03d}.jpg" for number in range(count)]


def both(root, val_fraction=0.1):
    return [find_pictures(root, split, val_fraction).names for split in ("train", "val")]


def all_of(root):
    train, val = both(root)
    return sorted(train + val)


class TestFolderWithTrainAndVal:
    def test_is_split_by_them(self, tmp_path):
        touch(tmp_path, "train/b.jpg", "train/a.png", "val/c.webp")
        assert both(tmp_path) == [["a.png", "b.jpg"], ["c.webp"]]

    def test_leaves_what_lies_beside_them_out(self, tmp_path):
        touch(tmp_path, "train/a.jpg", "val/b.jpg", "test/c.jpg", "d.jpg")
        assert both(tmp_path) == [["a.jpg"], ["b.jpg"]]

    def test_needs_no_fraction(self, tmp_path):
        touch(tmp_path, "train/a.jpg", "val/b.jpg")
        assert both(tmp_path, val_fraction=0) == [["a.jpg"], ["b.jpg"]]

    def test_with_an_empty_half_is_named(self, tmp_path):
        touch(tmp_path, "train/a.jpg", "val/readme.txt")
        with pytest.raises(InlayError, match=rf"no pictures for 'val' in {tmp_path / 'val'} \(looked for \.jpg"):
            find_pictures(tmp_path, "val", 0.1)

    def test_is_any_folder_when_one_of_them_is_missing(self, tmp_path):
        touch(tmp_path, *many(50, "train/picture"))
        assert all_of(tmp_path) == many(50, "train/picture")


class TestAnyOtherFolder:
    def test_is_searched_recursively_and_in_sorted_order(self, tmp_path):
        touch(tmp_path, "b/2.jpg", "b/1.png", "a/deep/er/3.TIF", "0.webp", "c.bmp", "d.jpeg")
        train, val = both(tmp_path)
        assert train == sorted(train)
        assert val == sorted(val)
        assert sorted(train + val) == ["0.webp", "a/deep/er/3.TIF", "b/1.png", "b/2.jpg", "c.bmp", "d.jpeg"]

    def test_keeps_hidden_and_other_files_out(self, tmp_path):
        touch(tmp_path, "a.jpg", "b.jpg", "._a.jpg", "deep/.c.png", "notes.txt", "movie.mp4", "jpg")
        assert all_of(tmp_path) == ["a.jpg", "b.jpg"]

    def test_is_split_the_same_way_every_time(self, tmp_path):
        touch(tmp_path, *many(50))
        assert both(tmp_path) == both(tmp_path)

    def test_is_split_the_same_way_wherever_it_lies(self, tmp_path):
        here, there = touch(tmp_path / "here", *many(50)), touch(tmp_path / "there", *many(50))
        assert both(here) == both(there)

    def test_shares_no_file_between_the_splits(self, tmp_path):
        train, val = both(touch(tmp_path, *many(50)), val_fraction=0.5)
        assert set(train).isdisjoint(val)
        assert len(train) + len(val) == 50

    @pytest.mark.parametrize("fraction", [0.1, 0.3, 0.5])
    def test_is_split_by_about_the_fraction(self, tmp_path, fraction):
        _, val = both(touch(tmp_path, *many(400)), fraction)
        assert abs(len(val) / 400 - fraction) < 0.06

    def test_moves_no_file_when_others_are_added(self, tmp_path):
        train, val = map(set, both(touch(tmp_path, *many(60))))
        more_train, more_val = map(set, both(touch(tmp_path, *many(60, "a/new"), *many(60, "z"))))
        assert train < more_train
        assert val < more_val

    def test_validates_more_of_the_same_with_a_larger_fraction(self, tmp_path):
        touch(tmp_path, *many(60))
        assert set(both(tmp_path, 0.2)[1]) < set(both(tmp_path, 0.5)[1])

    @pytest.mark.parametrize("fraction", [1e-6, 0.1, 0.9, 1 - 1e-6])
    @pytest.mark.parametrize("count", [2, 3, 10])
    def test_never_leaves_a_split_empty(self, tmp_path, count, fraction):
        train, val = both(touch(tmp_path, *many(count)), fraction)
        assert train
        assert val
        assert len(train) + len(val) == count


class TestRefusals:
    @pytest.mark.parametrize("split", ["train", "val"])
    def test_of_a_missing_folder(self, tmp_path, split):
        with pytest.raises(InlayError, match=rf"data\.root={tmp_path / 'none'}: no such folder"):
            find_pictures(tmp_path / "none", split, 0.1)

    def test_of_a_file(self, tmp_path):
        with pytest.raises(InlayError, match="no such folder"):
            find_pictures(touch(tmp_path, "a.jpg") / "a.jpg", "train", 0.1)

    @pytest.mark.parametrize("split", ["train", "val"])
    def test_of_a_folder_without_pictures(self, tmp_path, split):
        touch(tmp_path, "notes.txt")
        with pytest.raises(InlayError, match=rf"no pictures for '{split}' in {tmp_path} \(looked for \.jpg"):
            find_pictures(tmp_path, split, 0.1)

    def test_of_a_single_picture(self, tmp_path):
        with pytest.raises(InlayError, match=r"one picture \(only\.jpg\) cannot be split"):
            find_pictures(touch(tmp_path, "only.jpg"), "train", 0.1)

    @pytest.mark.parametrize("fraction", [0, 1, -0.5, 2])
    def test_of_a_bad_fraction(self, tmp_path, fraction):
        with pytest.raises(InlayError, match=rf"data\.val_fraction must lie between 0 and 1, got {fraction}"):
            find_pictures(touch(tmp_path, *many(3)), "train", fraction)


class TestFiles:
    def test_are_read_by_position(self, tmp_path):
        for shade in range(3):
            write_picture(tmp_path / f"train/{shade}.png", Picture(np.full((4, 5, 1), shade, np.uint8)))
        touch(tmp_path, "val/a.png")
        files = find_pictures(tmp_path, "train", 0.1)
        assert len(files) == 3
        for index in range(3):
            assert files.name(index) == f"{index}.png"
            assert np.array_equal(files.read(index), np.full((4, 5, 3), index))

    def test_are_found_in_published_sets(self, shared_data):
        assert [len(names) for names in both(shared_data / "photos")] == [300, 60]
        assert len(all_of(shared_data / "pets/images")) == 299
