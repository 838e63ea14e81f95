"""Graphs made by hand, whose answers are known, as fillers; and files that want too much."""

import hashlib
import json
import os
import signal
import sys
from threading import Timer
from unittest.mock import Mock

import numpy as np
import onnx
import onnx.parser
import pytest
import torch

from inlay.errors import BadFile, InlayError, Missing
from inlay.fillers import load_filler
from inlay.fillers import onnx_file as module
from inlay.randomness import RngStream, torch_seed

PICTURE = "float[b,3,h,w] image, float[b,1,h,w] mask"
FEATURES = "float[b,t,1] features, float[b,1] sentence, bool[b,t] word_mask"
FACTS = {"format": 1, "image_size": 64, "source": "sha256:0", "noise": {"stride": 4, "least": 2}}
TOKENIZER = {"vocabulary": ["bird", "red"], "max_length": 3, "pad_to_multiple_of": 1}
# filled = image + sentence + mean(noise) / 10, and sentence = sum(ids) / 100
PAINTER = f"""painter ({PICTURE}, {FEATURES}, float[b,1,y,x] noise) => (float[b,3,h,w] filled)
<int64[3] axes = {{1, 2, 3}}, float[1] tenth = {{0.1}}, int64[4] shape = {{-1, 1, 1, 1}}> {{
    mean = ReduceMean(noise, axes)
    drawn = Mul(mean, tenth)
    said = Reshape(sentence, shape)
    color = Add(drawn, said)
    filled = Add(image, color)
}}"""
READER = f"""reader (int64[b,t] input_ids, bool[b,t] attention_mask, bool[b,t] words) => ({FEATURES})
<int64[1] last = {{2}}, int64[1] one = {{1}}, float[1] hundredth = {{0.01}}> {{
    numbers = Cast <to = 1> (input_ids)
    features = Unsqueeze(numbers, last)
    sum = ReduceSum(numbers, one)
    sentence = Mul(sum, hundredth)
    word_mask = Identity(words)
}}"""


def model(graph, facts=FACTS):
    made = onnx.parser.parse_model(f'<ir_version: 10, opset_import: ["" : 20]> {graph}')
    onnx.helper.set_model_props(made, {"inlay": json.dumps(facts)})
    return made


def painter(**facts):
    return model(PAINTER, FACTS | facts)


def reader(**facts):
    return model(READER, FACTS | {"tokenizer": TOKENIZER} | facts)


def filling(node, facts=FACTS):
    numbers = "<float[1] one = {1}, int64[2] shape = {5, 5}, bool yes = {1}, int64 times = {9223372036854775807}>"
    return model(f"graph ({PICTURE}) => (float[] filled) {numbers} {{ filled = {node} }}", facts)


def turned(facts=FACTS):
    return filling("Sub(one, image)", facts)


def nested(node):
    inner = f"inner () => (float[] y) {{ y = {node} }}"
    return filling(f"If (yes) <then_branch = {inner}, else_branch = {inner}>")


def elsewhere(place, deep):
    made = nested("Constant <value = float[1] {1}> ()") if deep else turned()
    tensor = made.graph.node[0].attribute[0].g.node[0].attribute[0].t if deep else made.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    return made


def endless():
    body = "(int64 i, bool on, float[] x) => (bool on_, float[] x_) { on_ = Identity(on) x_ = Identity(x) }"
    return filling(f"Loop <body = body {body}> (times, yes, image)")


def with_functions():
    made = turned()
    made.functions.append(onnx.parser.parse_function('<domain: "own", opset_import: ["" : 20]> Own (x) => (y) {}'))
    return made


@pytest.fixture
def save(tmp_path):
    def write(made, name="model.onnx"):
        path = tmp_path / name
        path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
        return path

    return write


@pytest.fixture
def load(save):

    def both(tokenizer=TOKENIZER, **facts):
        save(reader(tokenizer=tokenizer), "model.text.onnx")
        return load_filler(save(painter(**facts)))

    return both


@pytest.fixture
def told(load):
    return load()


@pytest.fixture
def image():
    return torch.rand(2, 3, 7, 9)


@pytest.fixture
def mask():
    mask = torch.zeros(2, 1, 7, 9)
    mask[0, :, 2:5, 1:4] = mask[1, :, :, 6:] = 1
    return mask


def colors(filled, mask):
    holes = [picture[:, hole[0] > 0] for picture, hole in zip(filled, mask, strict=True)]
    assert all(float(hole.max() - hole.min()) < 1e-6 for hole in holes)
    return [float(hole.mean()) for hole in holes]


def test_the_answer_goes_into_the_hole_alone_and_what_it_says_of_itself(save, told, image, mask):
    path = save(turned())
    filler = load_filler(path)
    assert torch.equal(filler.fill(image, mask), torch.where(mask > 0, 1.0, image))
    assert (filler.takes_text, filler.takes_seed, filler.size) == (False, False, 64)
    assert filler.identity == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    assert (told.takes_text, told.takes_seed) == (True, True)
    assert told.noise_spec.shape(torch.zeros(1, 3, 1, 5)) == (1, 1, 2, 2)  # a small picture has a latent, too
    assert told.text_warnings("a bird") == ["the model never learned these words and cannot tell them apart: a."]
    assert told.text_warnings("red bird") == []


def test_an_answer_of_another_shape_is_refused_and_so_is_none(save, image, mask):
    for node, says in (("Identity(mask)", "returns"), ("Reshape(image, shape)", "gave up at a size of 9x7 .* smaller")):
        filler = load_filler(save(filling(node)))
        with pytest.raises(InlayError, match=says):
            filler.fill(image, mask)


class TestText:
    @pytest.mark.parametrize(("text", "sums"), [(["red bird", "red"], [5, 3]), (["zebra", ""], [1, 0]), (None, [0, 0])])
    def test_tokens_are_made_here_and_without_a_seed_noise_is_zero(self, told, image, mask, text, sums):
        assert colors(told.fill(image, mask, text=text), mask) == pytest.approx([each / 100 for each in sums])

    @pytest.mark.parametrize(("seed", "addresses"), [(3, [(3, 0), (3, 1)]), ([8, 5], [(8, 0), (5, 0)])])
    def test_seeds_draw_what_they_draw_elsewhere(self, told, image, mask, seed, addresses):
        drawn = []
        for number, index in addresses:
            generator = torch.Generator().manual_seed(torch_seed(number, RngStream.LATENT, index=index))
            drawn.append(float(torch.randn(1, 2, 3, generator=generator).mean()) / 10)  # 7 x 9 pixels, 4 a cell
        filled = told.fill(image, mask, text=["red red red"] * 2, seed=seed)
        assert colors(filled, mask) == pytest.approx(np.clip(np.array(drawn) + 0.09, 0, 1))
        assert drawn[0] != drawn[1]

    def test_unknown_words_are_dropped_where_the_file_says_so(self, load, image, mask):
        told = load(TOKENIZER | {"drop_unknown": True})
        filled = told.fill(image, mask, text=["zebra bird zebra red", "zebra"])
        assert colors(filled, mask) == pytest.approx([0.05, 0])
        assert told.text_warnings("a bird") == ["the model never learned these words and leaves them out: a."]

    def test_both_files_are_wanted_and_of_one_model(self, save):
        path = save(painter())
        with pytest.raises(BadFile, match=r"model\.text\.onnx: no such file"):
            load_filler(path)
        for other in (reader(source="sha256:1"), turned()):
            save(other, "model.text.onnx")
            with pytest.raises(BadFile, match=r"not the text encoder of model\.onnx"):
                load_filler(path)
        with pytest.raises(BadFile, match=r"fills no holes\. Give the file without \.text in its name"):
            load_filler(save(reader(), "model.text.onnx"))


SIZES = {"max_length": 3, "pad_to_multiple_of": 1}
NO_COUNTS = [0, -4, 1.5, True, "4", [4]]


@pytest.mark.stranger("A.7")
@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"tokenizer": None}, "does not say how it reads"),
        ({"tokenizer": SIZES | {"vocabulary": [1]}}, "must be a list of words"),
        ({"tokenizer": SIZES | {"vocabulary": ["red"], "max_length": 0}}, "max_length must be at least 1"),
        ({"tokenizer": SIZES}, "its tokenizer is damaged"),
        ({"tokenizer": TOKENIZER | {"drop_unknown": "no"}}, "its tokenizer is damaged"),
        ({"tokenizer": SIZES | {"subwords": "{}", "fill": 0}}, "its tokenizer is damaged"),
        ({"tokenizer": TOKENIZER | dict.fromkeys(SIZES, 10**9)}, "max_length must be .* at most"),
        *(
            ({"tokenizer": TOKENIZER | {entry: number}}, "its tokenizer is damaged")
            for entry in SIZES
            for number in (1.5, True, "4", -1)
        ),
        *(({"image_size": number}, "image_size is .*, no positive whole number") for number in NO_COUNTS),
        *(({"noise": noise}, "of which shape its noise is") for noise in (None, {})),
        *(({"noise": {"stride": number, "least": 2}}, "in positive whole numbers") for number in NO_COUNTS),
        *(({"noise": {"stride": 4, "least": number}}, "in positive whole numbers") for number in NO_COUNTS),
        ({"noise": {"stride": 1, "least": 10**9}}, "larger than any of ours"),
        ({"noise": {"stride": 10**9, "least": 10**4}}, "larger than any of ours"),
    ],
)
def test_facts_that_are_damaged_or_would_fill_the_memory(load, facts, said):
    with pytest.raises(BadFile, match=said):
        load(**facts)


PLACES = ["/etc/passwd", "../../../../../../etc/passwd", "beside.bin"]
NO_MODELS = b"", b"\x80\x04 no protobuf", b"PK\x03\x04", turned().SerializeToString()[:99]  # the last is cut off


@pytest.mark.stranger("A.1")
@pytest.mark.parametrize(
    ("made", "says"),
    [
        *((elsewhere(place, deep), "wants numbers from another file") for place in PLACES for deep in (False, True)),
        *(
            (made(f"{domain}.Run(one)"), f"wants the operator Run of {domain}. It is not to be trusted")
            for domain in ("com.microsoft", "evil")
            for made in (filling, nested)
        ),
        (with_functions(), "defines operators of its own"),
        *((content, "not a readable ONNX|not a model that this version") for content in NO_MODELS),
        *((turned(facts), "this version") for facts in (None, [], {}, {"format": 2})),
        (filling("NoSuch(image)"), "onnxruntime cannot load"),
    ],
)
def test_what_wants_too_much_or_is_no_model_of_ours_is_refused_in_one_line(save, tmp_path, made, says):
    (tmp_path / "beside.bin").write_bytes(bytes(4))
    with pytest.raises(BadFile, match=says) as refused:
        load_filler(save(made))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["onnx", "onnxruntime"])
def test_libraries_that_are_not_there(save, monkeypatch, name):
    path = save(turned())
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(Missing, match=rf"ONNX needs {name} .*: pip install 'inlay\[export\]'"):
        load_filler(path)


def test_devices_that_onnxruntime_lacks(save, monkeypatch):
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    for device in ("cuda", "mps"):
        with pytest.raises(Missing, match=rf"device={device}: onnxruntime computes on cpu here\. Use device=cpu"):
            load_filler(save(turned()), device)


@pytest.mark.stranger("A.7")
class TestStrangers:
    def test_what_is_checked_is_what_runs(self, save, image, mask):
        """By its bytes this is a file of onnxruntime's own format, too, which it would take it for."""
        made = turned()
        made.producer_name = "ORTM" + 60 * "\0"
        content = made.SerializeToString()
        assert content[4:8] == b"ORTM"
        assert torch.equal(load_filler(save(content)).fill(image, mask), torch.where(mask > 0, 1.0, image))

    def test_onnxruntime_sees_nothing_that_was_not_checked(self, save, monkeypatch):
        seen = []
        monkeypatch.setattr(module, "session", lambda content, device: seen.append(content) or 1 / 0)
        with pytest.raises(BadFile):
            load_filler(save(turned().SerializeToString() + b"\xfa\x3f\x04evil"))  # a field that nobody knows
        assert b"evil" not in seen[0]

    def test_an_endless_loop_ends_by_an_interrupt(self, save, image, mask):
        filler = load_filler(save(endless()))
        session = filler.model.session = Mock(wraps=filler.model.session)
        timer = Timer(0.3, os.kill, [os.getpid(), signal.SIGINT])
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            filler.fill(image, mask)
        timer.join()
        assert session.run.call_args.args[-1].terminate
