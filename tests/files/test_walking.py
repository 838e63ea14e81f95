"""Folders are walked behind links, never in a circle, and what nobody can read is named."""

import os
import socket

import pytest

from inlay.files import walk


def kinds(root):
    return {found.path: found.kind for found in walk(root)}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "root/deep").mkdir(parents=True)
    (tmp_path / "root/deep/a.txt").touch()
    (tmp_path / "root/.hidden").touch()
    return tmp_path / "root"


@pytest.mark.stranger("17.A.1")
def test_is_sorted_and_links_are_followed_never_in_a_circle(root, tmp_path):
    (root / "b").touch()
    assert list(kinds(root)) == ["b", "deep", "deep/a.txt"]  # sorted, and what is hidden stays so
    (tmp_path / "other").mkdir()
    (tmp_path / "other/c.txt").touch()
    (root / "link").symlink_to(tmp_path / "other")
    (root / "deep/up").symlink_to(root)
    (tmp_path / "other/back").symlink_to(root)
    assert [path for path, kind in kinds(root).items() if kind == "file"] == ["b", "deep/a.txt", "link/c.txt"]


@pytest.mark.stranger("17.A.4")
def test_pipes_sockets_dead_links_and_closed_folders_are_named(root, monkeypatch):
    os.mkfifo(root / "pipe")
    for name, target in (("dead", "nowhere"), ("self", "self"), ("device", "/dev/zero")):
        (root / name).symlink_to(target)
    monkeypatch.chdir(root)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
    reasons = {found.path: found.reason for found in walk(root) if found.kind == "lost"}
    link, special = "a link that leads nowhere", "no regular file but a pipe, a socket or a device"
    assert reasons == {"dead": link, "device": special, "pipe": special, "self": link, "socket": special}
    assert kinds(root / "nowhere") == {"": "closed"}
