import json
import sys
from pathlib import Path

import onnx
import pytest
import torch

import inlay
from inlay.checkpoints.files import digest
from inlay.errors import InlayError
from inlay.export import graphs, wrappers
from inlay.export.graphs import export_onnx, export_program
from inlay.fillers import load_filler
from inlay.models import AOTGenerator, DeepFill, LaMa, MobileUNet, PConvUNet, ResidualDiscriminator, TDANet
from inlay.text import BERTEncoder, CLIPEncoder, GRUEncoder, LSTMEncoder
from inlay.types import TextFeatures
from tests.conftest import ROOT
from tests.export.examples import named
from tests.fillers.test_network import CONFIG, SHAPE, WORDS, write_checkpoint
from tests.fillers.test_onnx import turned
from tests.text.conftest import bert_folder, clip_folder, distilbert_folder

__all__ = ["bert_folder", "clip_folder", "distilbert_folder"]  # fixtures

PCONV = {"_target_": "inlay.models.PConvUNet", "levels": 4, "width": 4}
SIZES = [(1, 64, 64), (3, 61, 75), (1, 7, 90), (1, 5, 3), (1, 1, 1), (2, 1, 40)]
OFFICIAL = {"mask_downsampling": "points", "zero_outside_region": True}
OFFICIAL |= {"spectral_dim": "inputs", "scaled_attention": False}
TEXTS = ["a red bird with a blue bird", "", "zebra"]


def shuffled(module):
    """Weights and statistics as a training leaves them; at its start gates are closed, and norms change nothing."""
    generator = torch.Generator().manual_seed(1)
    for name, value in module.state_dict().items():
        if name.endswith(("gamma", "alpha", "temperature")):
            value.fill_(0.7)
        elif name.endswith("running_mean") or ("norm" in name and name.endswith("bias")):
            value.copy_(torch.randn(value.shape, generator=generator) / 4)
        elif name.endswith("running_var"):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
    return module


def checkpoint(path, net, model, text=None, config=None):
    parts = {"net": net} if text is None else {"net": net, "text": text}
    weights = named(**{name: shuffled(part) for name, part in parts.items()})
    return write_checkpoint(path, {"model": model, "data": {"image_size": 64}} | (config or {}), weights)


def pconv(folder):
    return checkpoint(folder / "last.ckpt", PConvUNet(levels=4, width=4), PCONV)


def lama(folder):
    settings = {"width": 8, "blocks": 2}
    return checkpoint(folder / "last.ckpt", LaMa(**settings), {"_target_": "inlay.models.LaMa", **settings})


def tdanet(folder, text=None, config=None, **changes):
    shape = SHAPE | changes
    model = {"_target_": "inlay.models.TDANet", **shape}
    text, config = text or GRUEncoder(**WORDS), config or CONFIG["text"]
    return checkpoint(folder / "last.ckpt", TDANet(**shape), model, text, {"text": config})


def pictures(batch, height, width):
    generator = torch.Generator().manual_seed(height * width)
    image = torch.rand(batch, 3, height, width, generator=generator)
    mask = (torch.rand(batch, 1, height, width, generator=generator) > 0.5).float()
    mask[..., height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = 1
    return image, mask


def assert_alike(exported, trained, sizes=SIZES, **told):
    for batch, height, width in sizes:
        image, mask = pictures(batch, height, width)
        given = {key: value[:batch] if isinstance(value, list) else value for key, value in told.items()}
        filled, expected = exported.fill(image, mask, **given), trained.fill(image, mask, **given)
        torch.testing.assert_close(filled, expected, rtol=0, atol=1e-4)
        known = (mask == 0).expand_as(image)
        assert torch.equal(filled[known], image[known])


def run_graph(path, *inputs):
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = zip(session.get_inputs(), inputs, strict=True)
    (answer,) = session.run(None, {told.name: value.numpy() for told, value in given})
    return torch.from_numpy(answer)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    source = pconv(tmp_path_factory.mktemp("plain"))
    return source, *export_onnx(source, source.parent / "files/pconv.onnx")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    source = tdanet(tmp_path_factory.mktemp("told"))
    return source, *export_onnx(source, source.with_name("tdanet.v1.onnx"))


@pytest.mark.slow
class TestPartialConvolution:
    def test_answers_as_in_pytorch_at_every_size_and_alone_is_blind_in_the_hole(self, plain):
        source, path = plain
        trained = load_filler(source)
        assert_alike(load_filler(path), trained)
        image, mask = pictures(2, 33, 50)
        filled, known = run_graph(path, image, mask), (mask == 0).expand_as(image)
        assert torch.equal(filled[known], image[known])
        assert 0 <= filled.min() <= filled.max() <= 1
        for under in (0.0, 1.0, float("nan")):
            assert torch.equal(run_graph(path, image.masked_fill(mask > 0, under), mask), filled)
        torch.testing.assert_close(filled, trained.fill(image, mask), rtol=0, atol=1e-4)

    def test_is_one_file_whose_sizes_have_names_with_facts_and_nothing_of_this_machine(self, plain):
        source, path = plain
        assert [each.name for each in path.parent.iterdir()] == ["pconv.onnx"]
        assert not any(place in path.read_bytes() for place in (str(ROOT).encode(), b"site-packages"))
        made = onnx.load(path)
        onnx.checker.check_model(made, full_check=True)
        shapes = {
            value.name: [axis.dim_param or axis.dim_value for axis in value.type.tensor_type.shape.dim]
            for value in [*made.graph.input, *made.graph.output]
        }
        picture = ["batch", 3, "height", "width"]
        assert shapes == {"image": picture, "mask": ["batch", 1, "height", "width"], "filled": picture}
        facts = json.loads({entry.key: entry.value for entry in made.metadata_props}["inlay"])
        assert (facts["family"], facts["image_size"], facts["source"]) == ("PConvUNet", 64, digest(source))
        assert facts["provenance"]["version"] == facts["exported"]["inlay"] == inlay.__version__
        assert "config" not in facts["provenance"]


@pytest.mark.slow
class TestTDANet:
    @pytest.mark.parametrize("seed", [None, 3, [5, 1, 4]])
    @pytest.mark.parametrize("text", [None, TEXTS])
    def test_answers_as_in_pytorch_at_every_size(self, told, seed, text):
        source, path, _ = told
        attended_otherwise = (1, 197, 199)  # features of a quarter of the picture's size: 2,500 positions
        sizes = [*SIZES, attended_otherwise] if text and seed is None else SIZES
        assert_alike(load_filler(path), load_filler(source), sizes, text=text, seed=seed)

    def test_files_carry_their_names_and_what_they_read_and_text_and_seed_change_what_is_painted(self, told):
        _, *files = told
        assert [path.name for path in files] == ["tdanet.v1.onnx", "tdanet.v1.text.onnx"]
        filler, (image, mask) = load_filler(files[0]), pictures(1, 40, 40)
        assert filler.tokenizer(["a red bird"])["input_ids"].tolist() == [[2, 5, 3]]
        assert filler.text_warnings("a zebra")[0].endswith("cannot tell them apart: zebra.")
        plain = filler.fill(image, mask, text=["red"])
        assert (filler.fill(image, mask, text=["blue"]) - plain).abs().max() > 1e-3
        assert (filler.fill(image, mask, text=["red"], seed=0) - plain).abs().max() > 1e-3

    def test_as_published(self, tmp_path):
        source = tdanet(tmp_path, **OFFICIAL, latent_transform=True, refine_blocks=1, mask_as_input=True)
        (path, _) = export_onnx(source, tmp_path / "published.onnx")
        assert_alike(load_filler(path), load_filler(source), text=TEXTS, seed=2)


@pytest.mark.slow
def test_20_lama_has_neither_fourier_transforms_nor_complex_numbers(tmp_path):
    """The number is that of the LaMa specification, section 6.3."""
    source = lama(tmp_path)
    (path,) = export_onnx(source, tmp_path / "lama.onnx")
    made = onnx.load(path)
    complex_numbers = {onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128}
    assert not {node.op_type for node in made.graph.node} & {"DFT", "STFT", "FFT", "If", "Loop"}
    assert not any(value.type.tensor_type.elem_type in complex_numbers for value in made.graph.value_info)
    sizes = [(1, 256, 256), (1, 512, 512), (2, 61, 75), (1, 1, 1)]
    assert_alike(load_filler(path), load_filler(source), sizes)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("build", "settings"),
    [
        (DeepFill, {"width": 4}),
        (AOTGenerator, {"width": 8, "blocks": 2}),
        (MobileUNet, {"channels": [8, 8, 16], "rates": [1, 2]}),
    ],
    ids=["deepfill", "aot", "mobile"],
)
def test_other_families_answer_as_in_pytorch_at_every_size(tmp_path, build, settings):
    model = {"_target_": f"inlay.models.{build.__name__}", **settings}
    source = checkpoint(tmp_path / "last.ckpt", build(**settings), model)
    (path,) = export_onnx(source, tmp_path / "net.onnx")
    assert_alike(load_filler(path), load_filler(source))
    (program,) = export_program(source, tmp_path / "net.pt2")
    given = pictures(2, 61, 75)
    filled = torch.export.load(program).module()(*given)
    torch.testing.assert_close(filled, load_filler(source).fill(*given), rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lstm", "clip", "bert", "distilbert"])
def test_every_text_encoder(kind, tmp_path, request):
    if kind == "lstm":
        text, config = LSTMEncoder(**WORDS), CONFIG["text"] | {"_target_": "inlay.text.LSTMEncoder"}
    else:
        make = CLIPEncoder if kind == "clip" else BERTEncoder
        config = {"model": str(request.getfixturevalue(f"{kind}_folder")), "dim": 8}
        text, config = make(**config), config | {"_target_": f"inlay.text.{make.__name__}"}
    source = tdanet(tmp_path, text, config)
    (path, _) = export_onnx(source, tmp_path / "model.onnx")
    assert_alike(load_filler(path), load_filler(source), [(3, 33, 40)], text=["a red bird", "", "birds and zebras"])
    assert_alike(load_filler(path), load_filler(source), [(1, 9, 9)])


class TestRefusals:
    def test_what_fills_no_holes_and_what_has_no_network(self, tmp_path):
        shape = {"channels": [4, 4], "attention": 1}
        model = {"_target_": "inlay.models.ResidualDiscriminator", **shape}
        odd = checkpoint(tmp_path / "last.ckpt", ResidualDiscriminator(**shape), model)
        (tmp_path / "model.onnx").write_bytes(turned().SerializeToString())
        none = tmp_path / "model.onnx", r"model\.onnx: has no network to export"
        for path, said in ((odd, "ResidualDiscriminator, which fills no holes"), none):
            with pytest.raises(InlayError, match=said):
                export_onnx(path, tmp_path / "x.onnx")
            assert not (tmp_path / "x.onnx").exists()

    @pytest.mark.parametrize(("export", "ending"), [(export_onnx, "onnx"), (export_program, "pt2")])
    def test_another_ending(self, export, ending, tmp_path):
        with pytest.raises(InlayError, match=rf"x\.pb: must end in \.{ending}"):
            export(pconv(tmp_path), tmp_path / "x.pb")

    def test_what_cannot_be_traced_is_one_line(self, tmp_path, monkeypatch):
        def undecided(net, masked, mask):
            return masked + 1 if mask.mean() > 0.5 else masked

        monkeypatch.setattr(PConvUNet, "forward", undecided)
        with pytest.raises(InlayError, match=r"^PConvUNet cannot be exported \(") as refused:
            export_onnx(pconv(tmp_path), tmp_path / "x.onnx")
        assert "\n" not in str(refused.value)
        assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]

    def test_a_graph_that_answers_differently_is_not_kept(self, tmp_path, monkeypatch):
        compare = graphs.compare
        monkeypatch.setattr(graphs, "compare", lambda part, _: compare(part, turned().SerializeToString()))
        with pytest.raises(InlayError, match="as ONNX its output differs by "):
            export_onnx(pconv(tmp_path), tmp_path / "x.onnx")
        assert [path.name for path in tmp_path.iterdir()] == ["last.ckpt"]

    def test_a_library_that_is_not_there(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "onnxscript", None)
        with pytest.raises(InlayError, match=r"ONNX needs onnxscript .*pip install 'inlay\[export\]'"):
            export_onnx(Path("nowhere.ckpt"), tmp_path / "x.onnx")


class TestParts:
    def test_weights_are_normalized_once_and_stay_what_they_are(self, tmp_path):
        source = tdanet(tmp_path)
        network, _ = wrappers.parts_of(source)
        assert not any("parametrizations" in name for name, _ in network.named_parameters())
        image, mask, features, sentence, word_mask, noise = network.example(2, 20)
        trained = load_filler(source)
        with torch.inference_mode():
            told = TextFeatures(features, sentence, word_mask)
            raw = trained.net.inpaint(image, mask, text=told, noise=noise)
            assert torch.equal(network(image, mask, features, sentence, word_mask, noise), image.where(mask == 0, raw))

    def test_whatever_is_above_a_half_is_hole(self, tmp_path):
        (network,) = wrappers.parts_of(pconv(tmp_path))
        image, mask = pictures(1, 20, 30)
        gray = mask * 0.3 + 0.3  # 0.3 and 0.6
        with torch.inference_mode():
            assert torch.equal(network(image, gray), network(image, mask))
