import json
from warnings import catch_warnings, filterwarnings

import pytest
import torch

from inlay.checkpoints.files import digest
from inlay.export.graphs import export_program
from inlay.fillers import load_filler
from tests.conftest import ROOT
from tests.export.test_onnx import SIZES, TEXTS, lama, pconv, pictures, tdanet


def load(path):
    facts = {"inlay": ""}
    with catch_warnings():  # in PyTorch 2.11
        filterwarnings("ignore", "The given buffer is not writable", UserWarning)
        program = torch.export.load(path, extra_files=facts)
    return program.module(), json.loads(facts["inlay"])


@pytest.mark.slow
def test_partial_convolution_answers_as_before_at_every_size(tmp_path):
    source = pconv(tmp_path)
    (path,) = export_program(source, tmp_path / "files/model.pt2")
    assert [each.name for each in path.parent.iterdir()] == ["model.pt2"]
    assert str(ROOT / "src").encode() not in path.read_bytes()
    program, facts = load(path)
    assert (facts["family"], facts["source"]) == ("PConvUNet", digest(source))
    trained = load_filler(source)
    for given in (pictures(*size) for size in SIZES):
        with torch.inference_mode():
            torch.testing.assert_close(program(*given), trained.fill(*given), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_20_lama_has_neither_fourier_transforms_nor_complex_numbers(tmp_path):
    """The number is that of the LaMa specification, section 6.3."""
    source = lama(tmp_path)
    (path,) = export_program(source, tmp_path / "model.pt2")
    program, _ = load(path)
    nodes = [node for node in program.graph.nodes if node.op == "call_function"]
    assert not any("fft" in str(node.target) or "complex" in str(node.target) for node in nodes)
    for size in [(1, 256, 256), (1, 512, 512), (2, 61, 75)]:
        given = pictures(*size)
        with torch.inference_mode():
            torch.testing.assert_close(program(*given), load_filler(source).fill(*given), rtol=0, atol=1e-4)


@pytest.mark.slow
def test_tdanet_answers_as_before_at_every_size(tmp_path):
    source = tdanet(tmp_path)
    files = export_program(source, tmp_path / "model.pt2")
    assert [path.name for path in files] == ["model.pt2", "model.text.pt2"]
    (program, facts), (reader, said) = map(load, files)
    assert facts["noise"] == {"stride": 8, "least": 2}
    assert said["tokenizer"]["vocabulary"] == ["a", "bird", "blue", "red", "with"]
    trained = load_filler(source)
    for size in [*SIZES, (1, 197, 199)]:
        image, mask = pictures(*size)
        text = TEXTS[: len(image)]
        tokens = trained.text.tokenizer(text)
        with torch.inference_mode():
            told = reader(tokens["input_ids"], tokens["attention_mask"], tokens["words"])
            mean = torch.zeros(trained.net.noise_spec.shape(image))
            filled = program(image, mask, *told, mean)
        torch.testing.assert_close(filled, trained.fill(image, mask, text=text), rtol=0, atol=1e-5)
