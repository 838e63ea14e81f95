"""``inlay import``: from the command line to a folder that fills holes, and nothing but a line where it cannot."""

import pytest
import torch

from inlay.fillers import load_filler
from tests.convert import layouts
from tests.export.examples import Bomb


@pytest.fixture
def importing(inlay, tmp_path):
    return lambda *words: inlay("import", "--from", *words, "--to", tmp_path / "ours")


@pytest.fixture
def published(tmp_path):
    for letter, state in zip("EG", layouts.tdanet(), strict=True):
        torch.save(state, tmp_path / f"latest_net_{letter}.pth")
    torch.save(layouts.captions(4)[0], tmp_path / "text.pth")
    (tmp_path / "words.txt").write_text("<end>\na\nred\nbird\n")
    return tmp_path


def test_naoto0804_to_a_folder_that_fills(importing, tmp_path):
    torch.save({"model": layouts.naoto0804(), "n_iter": 9}, tmp_path / "published.pth")
    told, _, status = importing("naoto0804", tmp_path / "published.pth")
    assert status == 0
    assert "dec_1.conv.input_conv.bias (3,) -> decoder.6.conv.bias: copied" in told
    assert "n_iter left out: of its training" in told
    image, hole = torch.rand(1, 3, 40, 40), torch.zeros(1, 1, 40, 40)
    hole[..., 10:20, 10:30] = 1
    filler = load_filler(tmp_path / "ours")
    assert filler.size == 256
    assert torch.equal(filler.fill(image, hole)[hole.expand_as(image) == 0], image[hole.expand_as(image) == 0])
    assert "naoto0804" in (tmp_path / "ours" / "README.md").read_text()


def test_tdanet_to_a_folder_that_reads(importing, published):
    told, _, status = importing(
        "tdanet", published, "--text", published / "text.pth", "--words", published / "words.txt"
    )
    assert status == 0
    assert "carried over" in told.splitlines()[-2]
    filler = load_filler(published / "ours")
    image, hole = torch.rand(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    assert not torch.equal(filler.fill(image, hole, text=["a red bird"]), filler.fill(image, hole))


@pytest.fixture
def refused(importing, tmp_path):

    def refused(*words):
        told, complaint, status = importing(*words)
        assert (status, told) == (1, "")
        assert not (tmp_path / "ours").exists()
        assert complaint.startswith("error: ")
        assert complaint.count("\n") == 1
        return complaint

    return refused


def test_a_bomb_among_words_or_captions_does_not_go_off(refused, published):
    canary, file = published / "canary", published / "captions.pickle"
    torch.save(Bomb(canary), file)
    given = "tdanet", published, "--text"
    assert "holds code" in refused(*given, file, "--words", file)
    assert "a pickle, which runs code" in refused(*given, published / "text.pth", "--words", file)
    assert not canary.exists()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("share", [0.0, 0.01, 0.6, 0.99])
def test_a_truncated_file_is_refused(refused, tmp_path, zipped, share):
    file = tmp_path / "published.pth"
    torch.save({"model": layouts.naoto0804()}, file, _use_new_zipfile_serialization=zipped)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    assert "cannot be read as plain weights" in refused("naoto0804", file)


def test_other_mistakes_are_named(refused, tmp_path):
    torch.save(layouts.tdanet()[0], file := tmp_path / "latest_net_E.pth")
    assert "no such file" in refused("naoto0804", tmp_path / "nowhere.pth")
    assert "a folder" in refused("naoto0804", tmp_path)
    assert "not of this family" in refused("naoto0804", file)
    assert "no step of which" in refused("tdanet", tmp_path)
    assert "--words needs --text" in refused("tdanet", tmp_path, "--words", file)
    assert "are for --from tdanet" in refused("naoto0804", file, "--text", file)
    torch.save([1, 2], file)
    assert "holds a list" in refused("naoto0804", file)
