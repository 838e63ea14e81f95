import pytest

from inlay.data.filesystem import Tree
from inlay.data.records import RejectedFile


@pytest.fixture
def plant(tmp_path):
    """Files below a folder, from their contents; a folder where the content is None."""

    def plant(files, root="data"):
        for path, content in files.items():
            file = tmp_path / root / path
            if content is None:
                file.mkdir(parents=True)
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        return tmp_path / root

    return plant


@pytest.fixture
def ask(plant):
    """What a listing says of a root, or of planted files, twice the same: rows by id, and reasons by refused file."""

    def ask(listing, root):
        root = plant(root) if isinstance(root, dict) else root
        tree = root if isinstance(root, Tree) else Tree(root)
        things = list(listing(tree))
        assert list(listing(tree)) == things
        rows = [thing for thing in things if not isinstance(thing, RejectedFile)]
        assert len({row["id"] for row in rows}) == len(rows)
        refused = [thing for thing in things if isinstance(thing, RejectedFile)]
        return {row["id"]: row for row in rows}, {thing.file: thing.reason for thing in refused}

    return ask
