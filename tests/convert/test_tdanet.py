import json

import pytest
import torch

from inlay.checkpoints import build_network, build_text_encoder
from inlay.convert import import_tdanet
from inlay.convert.damsm import read_captions, read_words
from inlay.convert.tdanet import OFFICIAL
from inlay.errors import InlayError
from inlay.fillers import load_filler
from inlay.ops import erase
from inlay.types import TextFeatures
from tests.convert import layouts, originals
from tests.training import configure

WORDS = ["<end>", "a", "red", "bird", "o_o", "with", "wings"]  # o_o: no caption is cut into it


@pytest.fixture(scope="module")
def official(tmp_path_factory):
    """What a folder with its text encoder, and with files that are not needed, is imported as, and its checkpoint."""
    folder = tmp_path_factory.mktemp("official")
    for letter, state in zip("EG", layouts.tdanet(), strict=True):
        torch.save(state, folder / f"latest_net_{letter}.pth")
    torch.save({}, folder / "latest_net_D.pth")
    torch.save({}, folder / "100_net_E.pth")
    imported = import_tdanet(folder, **save_reader(folder))
    return imported, saved(imported, folder)


@pytest.fixture
def reader(tmp_path):
    return save_reader(tmp_path)


def save_reader(folder):
    torch.save(layouts.captions(len(WORDS))[0], folder / "text_encoder.pth")
    (folder / "words.txt").write_text("\n".join(WORDS) + "\n")
    return {"text": folder / "text_encoder.pth", "words": folder / "words.txt"}


def saved(imported, folder):
    torch.save(imported.checkpoint, folder / "ours.ckpt")
    return folder / "ours.ckpt"


def test_layout_is_the_published_one(shared_data):
    described = json.loads((shared_data.parent / "specs/foreign_checkpoints/tdanet.json").read_text())["state"]
    for state, part in zip(layouts.tdanet(scale=1), ("net_E", "net_G"), strict=True):
        assert {k: list(v.shape) for k, v in state.items()} == described[part]


def test_settings_are_those_of_the_preset():
    settings = dict(configure("model=tdanet_official5", "data.root=none").model)
    assert {key: settings[key] for key in OFFICIAL} == OFFICIAL
    widths = {"encoder_channels", "decoder_channels", "text_dim", "latent", "fusion_width"}
    own = {"_target_", "mask_as_input", "upsample", "gradient_checkpointing"}  # no such thing in the official code
    assert settings.keys() == OFFICIAL.keys() | widths | own


@pytest.mark.stranger("17.C.1")
@pytest.mark.parametrize(
    ("scale", "size", "drawn"),
    [(16, (128, 96), False), (16, (128, 96), True), pytest.param(1, (256, 256), True, marks=pytest.mark.slow)],
)
def test_computes_what_the_original_computes(tmp_path, tdanet_folder, scale, size, drawn):
    e, g = layouts.tdanet(scale)
    net = build_network(saved(import_tdanet(tdanet_folder(e, g)), tmp_path))
    image, hole = layouts.scenes(*size)
    dim = 256 // scale
    words, sentence = torch.randn(4, dim, 6) / 2, torch.randn(4, dim) / 2
    noise = torch.randn(net.noise_spec.shape(image)) if drawn else None
    said = TextFeatures(words.mT, sentence, torch.ones(4, 6, dtype=torch.bool))
    with torch.inference_mode():
        raw = net(erase(image, hole), hole, said, noise)
    given = e, g, image, hole, words, sentence, noise
    expected, steeper = (originals.tdanet(*given, merge_slope=slope) for slope in (0.01, 0.1))
    torch.testing.assert_close(raw.double(), expected, rtol=0, atol=1e-5)
    assert (raw - steeper).abs().max() > 1e-3  # the one block with another slope is not overlooked
    assert raw.std() > 0.05
    net.for_inference()
    assert scale > 1 or sum(p.numel() for p in net.parameters()) == 27_120_352


def test_training_goes_on_where_the_original_stands(official):
    """The raw weights are kept, and transposed convolutions are normalized over the same axis."""
    _, g = layouts.tdanet()
    conv = build_network(official[1]).train().generator.blocks[2].shortcut.conv
    matrix = g["decoder2.bypass.module.weight_bar"].flatten(1).double()
    u = g["decoder2.bypass.module.weight_u"].double()
    u = matrix @ (matrix.T @ u)  # what the import has done
    v = matrix.T @ u  # what training adds: PyTorch begins with the other vector, which has nowhere to go
    expected = matrix / (u / u.norm() @ matrix @ v / v.norm())
    torch.testing.assert_close(conv.weight.flatten(1).double(), expected, rtol=1e-5, atol=0)


def test_every_key_is_mentioned(official):
    state = {key: value for part in (*layouts.tdanet(), layouts.captions(len(WORDS))[0]) for key, value in part.items()}
    lines = official[0].report.splitlines()
    for key in state:
        assert sum(line.startswith(f"{key} ") for line in lines) == 1
    assert "encoder0.model.3.module.bias (8,) left out: the same as encoder0.conv2.module.bias" in lines
    for said in ("latest_net_D.pth left out: a discriminator", "100_net_E.pth left out: another step"):
        assert any(line.startswith(said) for line in lines)
    twins = sum("left out: the same as" in line for line in lines)
    assert lines[-1] == f"{len(state)} keys: {len(state) - twins} carried over, {twins} left out"
    assert twins == 4 * (13 * 3 + 8 * 3 + 4)


def test_the_last_step_is_taken(tdanet_folder, tmp_path):
    for gate, step in enumerate(["90000", "100000", "iter"]):
        e, g = layouts.tdanet()
        folder = tdanet_folder(e, g | {"attn1.gamma": torch.tensor([float(gate)])}, step)
    assert import_tdanet(folder).checkpoint["state_dict"]["net.generator.attention.gamma"] == 1
    tdanet_folder(e, g | {"attn1.gamma": torch.tensor([7.0])}, "latest")
    assert import_tdanet(folder).checkpoint["state_dict"]["net.generator.attention.gamma"] == 7
    with pytest.raises(InlayError, match="no such folder"):
        import_tdanet(folder / "nowhere")


def other(key):
    return lambda state: state.update({key: state[key] + 1})


@pytest.mark.parametrize(
    ("part", "change", "complaint"),
    [
        ("E", lambda s: s.pop("prior.model.1.module.weight_u"), r"1 keys are missing: prior\.model\.1\.module"),
        ("G", lambda s: s.update({"attn1.gamma": torch.ones(2)}), r"other shapes: attn1\.gamma \(2,\) for \(1,\)"),
        ("E", other("block0.model.0.module.bias"), r"differ: block0\.conv1\.module\.bias and block0\.model\.0"),
        ("E", lambda s: s.pop("word_attention.conv_image.weight"), "so not of this family"),
    ],
)
def test_what_does_not_fit_is_named(tdanet_folder, part, change, complaint):
    states = dict(zip("EG", layouts.tdanet(), strict=True))
    change(states[part])
    with pytest.raises(InlayError, match=complaint):
        import_tdanet(tdanet_folder(*states.values()))


class TestCaptions:
    def test_are_read_as_the_original_reads_them(self, official):
        imported, ours = official
        encoder = build_text_encoder(ours)
        _, table, rnn = layouts.captions(len(WORDS))
        captions = {
            "A red bird, with wings!": [1, 2, 3, 5, 6],
            "bird": [3],
            "An emerald bird o_o, with zyzzyva": [3, 5],  # others are left out
            "": [0],  # the end alone, as none is known
            "zyzzyva, emerald": [0],
        }
        found = encoder(encoder.tokenizer([*captions]))
        for row, numbers in enumerate(captions.values()):
            words, (last, _) = rnn(table(torch.tensor(numbers)))
            torch.testing.assert_close(found.words[row, : len(numbers)], words)
            torch.testing.assert_close(found.sentence[row], last.flatten())
            assert found.word_mask[row].tolist() == [number < len(numbers) for number in range(5)]
        assert "1 words left out, as no caption is cut into them: o_o" in imported.report.splitlines()

    def test_unknown_words_leave_no_trace_and_are_named(self, official):
        imported, ours = official
        filler = load_filler(ours)
        image, hole = (x[:1] for x in layouts.scenes(64, 64))
        assert torch.equal(*(filler.fill(image, hole, text=[text]) for text in ("a zyzzyva bird", "a bird")))
        assert [said.rpartition(" ")[2] for said in filler.text_warnings("a zyzzyva bird")] == ["zyzzyva."]
        assert "5 words of its own; others are left out, as in the original" in imported.card

    def test_are_not_read_without_an_encoder(self, tmp_path, tdanet_folder):
        imported = import_tdanet(tdanet_folder())
        filler = load_filler(saved(imported, tmp_path))
        given = layouts.scenes(64, 64)
        assert torch.equal(*(filler.fill(*given, text=text) for text in (None, ["a red bird"] * 4)))
        assert filler.text_warnings("a bird")[0].endswith("leaves them out: a, bird.")
        assert "\ncaptions: not read, since its text encoder was not imported" in imported.report

    @pytest.mark.parametrize("written", ['["<end>", "a", "red", "bird", "o_o", "with", "wings"]', "\r\n".join(WORDS)])
    def test_words_may_be_json_or_lines(self, reader, written):
        reader["words"].write_text(written)
        assert read_words(reader["words"]) == WORDS

    @pytest.mark.parametrize(
        ("written", "complaint"),
        [
            (b"\x80\x04K\x01.", r"a pickle, which runs code .* python -c"),
            (b"\xff\xfe", "no list of words"),
            (b'["<end>", 3]', "a word is missing, empty"),
            (b"<end>\nred\nred", "there twice"),
            (b"", "a word is missing"),
            (b"<end>\nred", r"2 words, but .* knows 7"),
        ],
    )
    def test_other_lists_are_refused(self, reader, written, complaint):
        reader["words"].write_bytes(written)
        with pytest.raises(InlayError, match=complaint):
            read_captions(**reader, dim=16)

    def test_words_belong_to_weights_of_their_width(self, reader):
        with pytest.raises(InlayError, match="--text needs --words"):
            read_captions(reader["text"], None, dim=16)
        with pytest.raises(InlayError, match="no such file"):
            read_captions(reader["text"], reader["words"].with_name("none"), dim=16)
        with pytest.raises(InlayError, match=r"other shapes: rnn\.weight_ih_l0 \(32, 12\) for \(24, 12\)"):
            read_captions(**reader, dim=12)
