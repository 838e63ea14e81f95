import pytest

from inlay.app.room import Room
from inlay.errors import InlayError


@pytest.mark.stranger("A.3")
def test_the_files_of_the_oldest_visit_make_room_for_others_and_what_comes_in_at_once_must_fit(tmp_path):
    room = Room(tmp_path, 100)
    for name in ("first", "second", "third"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(bytes(30))
    with room.reserved(40):
        assert sorted(path.parent.name for path in tmp_path.glob("*/file")) == ["second", "third"]
    room.tidy()
    assert len(list(tmp_path.glob("*/file"))) == 2
    with room.reserved(60), pytest.raises(InlayError, match="Wait a little"), room.reserved(60):
        pass
    with room.reserved(100):
        pass


def test_a_link_is_removed_and_not_what_it_leads_to(tmp_path):
    kept, room = tmp_path / "kept", tmp_path / "room"
    kept.write_bytes(bytes(10))
    room.mkdir()
    (room / "link").symlink_to(kept)
    Room(room, 1).tidy()
    assert (kept.exists(), list(room.iterdir())) == (True, [])


@pytest.mark.stranger("B.19")
def test_nothing_is_written_when_the_page_has_ended(tmp_path):
    room = Room(tmp_path, 100)
    with room.written() as folder:
        (folder / "before").touch()
    room.close()
    with pytest.raises(InlayError, match="was ended"), room.written() as folder:
        (folder / "after").touch()
    assert [path.name for path in tmp_path.glob("*/*")] == ["before"]
