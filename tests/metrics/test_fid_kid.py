import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.optimize import minimize
from torchmetrics.image.fid import FrechetInceptionDistance

from inlay.errors import InlayError, Missing
from inlay.metrics import FeatureExtractor, InceptionFeatures, fid_kid
from inlay.metrics.fid_kid import METRICS, distances, f1_with_fid


def features(rng, n=60, d=6, apart=0.3):
    mixed = rng.normal(size=(d, d))
    real = rng.normal(size=(n, d)) @ mixed
    return real, real + apart + 0.5 * rng.normal(size=(n, d)) @ mixed


def value(name, real, filled, seed=0):
    return distances(real, filled, seed)[f"{name}_n{len(real)}"]


def frechet(real, filled):
    """Heusel et al. 2017, as it is written."""
    a, b = np.cov(real, rowvar=False), np.cov(filled, rowvar=False)
    return np.square(real.mean(0) - filled.mean(0)).sum() + np.trace(a + b - 2 * sqrtm(a @ b).real)


def kernel(x, y):
    return (sum(a * b for a, b in zip(x, y, strict=True)) / len(x) + 1) ** 3


def discrepancy(real, filled):
    """Binkowski et al. 2018, eq. 4, as it is written."""
    n = len(real)
    pairs = [(i, j) for i in range(n) for j in range(n)]
    within = sum(kernel(x[i], x[j]) for x in (real, filled) for i, j in pairs if i != j) / (n * (n - 1))
    return within - 2 * sum(kernel(real[i], filled[j]) for i, j in pairs) / n**2


def svm(real, filled):
    """The decisions of a linear SVM with squared hinge loss and C = 1, its bias penalized, by a general solver."""
    x = np.pad(np.concatenate([real, filled]), ((0, 0), (0, 1)), constant_values=1)
    y = np.repeat([1, -1], len(real))

    def loss(w):
        short = np.maximum(0, 1 - y * (x @ w))
        return w @ w / 2 + short @ short, w - 2 * (short * y) @ x

    return np.split(x @ minimize(loss, np.zeros(x.shape[1]), jac=True, tol=1e-12).x, 2)


def test_each_value_is_named_with_the_number_of_pairs(rng):
    real, filled = features(rng, n=20)
    found = distances(real, filled, seed=0)
    assert list(found) == [f"{metric.name}_n20" for metric in METRICS if "f1" not in metric.name]
    assert all(type(number) is float for number in found.values())
    assert all(distances(np.ones((n, 4)), np.ones((n, 4)), seed=0) == {} for n in (0, 1))  # no distributions
    with pytest.raises(ValueError, match="shorter"):
        distances(real, filled[1:], seed=0)


def test_fid_equals_the_formula_in_float64_and_that_of_torchmetrics(rng):
    real, filled = features(rng, d=12)
    assert value("fid", real, filled) == pytest.approx(frechet(real, filled), rel=1e-9)
    assert value("fid", real[:10], real[:10] + 3) == pytest.approx(12 * 9, rel=1e-9)  # of a shift it is its square
    real, filled = (side.astype(np.float32) + 1000 for side in features(rng))
    assert value("fid", real, filled) == pytest.approx(frechet(real.astype(float), filled.astype(float)), rel=1e-6)

    # of fewer pictures than dimensions
    real, filled = (side.astype(np.float32) for side in features(rng, n=10, d=32))
    identity = torch.nn.Identity()
    identity.num_features = 32
    reference = FrechetInceptionDistance(identity).set_dtype(torch.float64)
    reference.update(torch.from_numpy(real).double(), real=True)
    reference.update(torch.from_numpy(filled).double(), real=False)
    assert value("fid", real, filled) == pytest.approx(reference.compute().item(), rel=1e-6)


def test_equal_sets_are_not_apart_and_score_one_half_and_distant_ones_nothing(rng):
    real, _ = features(rng)
    found = distances(real, real[::-1], seed=0)
    assert 0 <= found["fid_n60"] < 1e-9
    assert found["kid_n60"] < 0  # without bias it is, for one and the same sample
    for other, score in ((real, 0.5), (real + 100, 0)):
        found = distances(real, other, seed=0)
        assert (found["u_ids_n60"], found["p_ids_n60"]) == (score, 0)  # a tie is no win


def test_kid_equals_the_double_loop_and_of_many_pictures_is_the_mean_over_subsets(rng, monkeypatch):
    real, filled = features(rng, n=9, d=4)
    assert value("kid", real, filled) == pytest.approx(discrepancy(real, filled), rel=1e-9)
    real, filled = features(rng, n=40, d=4, apart=2)
    whole = value("kid", real, filled)
    monkeypatch.setattr(fid_kid, "MAX_WHOLE", 39)
    monkeypatch.setattr(fid_kid, "SUBSETS", 400)
    monkeypatch.setattr(fid_kid, "SUBSET_SIZE", 40)
    assert value("kid", real, filled) == pytest.approx(whole, rel=1e-9)  # each of them is all there is
    monkeypatch.setattr(fid_kid, "SUBSET_SIZE", 20)
    first, again, other = (value("kid", real, filled, seed) for seed in (0, 0, 1))
    assert first == again != other
    assert [first, other] == pytest.approx([whole, whole], rel=0.1)  # a subset's KID has no bias, either


def test_scores_of_the_svm_equal_those_of_another_solver(rng):
    real, filled = features(rng, n=80, d=5)
    of_real, of_filled = svm(real, filled)
    wrong = ((of_real < 0).sum() + (of_filled > 0).sum()) / 160
    assert 0.1 < wrong < 0.5
    assert value("u_ids", real, filled) == wrong
    assert value("p_ids", real, filled) == (of_filled > of_real).mean()


def test_pairs_matter_to_p_ids_alone_and_their_order_to_nothing_to_the_last_bit(rng, monkeypatch):
    real, filled = features(rng)
    found, shuffled = distances(real, filled, seed=0), distances(real, np.roll(filled, 7, axis=0), seed=0)
    assert found.pop("p_ids_n60") != shuffled.pop("p_ids_n60")
    assert found == pytest.approx(shuffled, rel=1e-9)
    monkeypatch.setattr(fid_kid, "MAX_WHOLE", 30)
    monkeypatch.setattr(fid_kid, "SUBSETS", 3)
    monkeypatch.setattr(fid_kid, "SUBSET_SIZE", 10)
    order = rng.permutation(60)
    assert distances(real, filled, seed=0) == distances(real[order], filled[order], seed=0)


# The network whose features they compare.


def reference(monkeypatch):
    own = pytest.importorskip("torch_fidelity", reason="needs torch-fidelity").FeatureExtractorInceptionV3
    with monkeypatch.context() as patch:  # it would download its own, and drawing the first ones takes long
        patch.setattr("torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url", lambda *_, **__: {})
        patch.setattr(own, "load_state_dict", lambda *_: None)
        for layer in (torch.nn.Conv2d, torch.nn.Linear):
            patch.setattr(layer, "reset_parameters", lambda _: None)
        net = own("inception-v3-compat", ["2048"])
    drawn = {key: windows(value) if value.ndim > 1 else value for key, value in net.state_dict().items()}
    net.load_state_dict(drawn, assign=True)
    return net


def windows(weights):
    """Random weights that are windows of one row, which is drawn in no time."""
    strides = (11, 7, 3, 1)[: weights.ndim]
    length = 1 + sum((n - 1) * step for n, step in zip(weights.shape, strides, strict=True))
    return (torch.randn(length) * (2 / weights[0].numel()) ** 0.5).as_strided(weights.shape, strides)


def test_features_are_torch_fidelitys_own_of_8_bit_pictures(monkeypatch, tmp_path):
    net = reference(monkeypatch)
    whole = {key: value.contiguous() for key, value in net.state_dict().items()}  # windows are more than their file
    torch.save(whole, tmp_path / "inception.pth")
    pixels = torch.randint(256, (2, 3, 40, 56), dtype=torch.uint8)
    network = InceptionFeatures(str(tmp_path / "inception.pth"))
    features = network.features(pixels / 255 + 1e-3)  # a file would round it away
    (expected,) = net(pixels)
    assert (expected[0] - expected[1]).abs().mean() > 0.01 * expected.abs().mean()  # pictures do not look alike
    torch.testing.assert_close(features, expected, rtol=1e-4, atol=1e-5 * expected.abs().max().item())
    assert torch.equal(features[1:], network.features(pixels[1:] / 255))  # whatever the batch
    assert isinstance(network, FeatureExtractor)


class Code:
    """A file that runs something when it is unpickled without care."""

    def __reduce__(self):
        return pytest.fail, ("code of a file was run",)


@pytest.mark.parametrize("content", [Code(), [1], {"fc.weight": torch.zeros(1)}], ids=["code", "list", "other net"])
def test_file_of_something_else_is_an_error_of_one_line(tmp_path, content):
    pytest.importorskip("torch_fidelity", reason="needs torch-fidelity")
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(InlayError, match=r"^weights\.inception=.*other\.pth: not a state dict of .*Inception.*$"):
        InceptionFeatures(str(tmp_path / "other.pth"))


def test_what_is_missing_is_named(monkeypatch):
    with pytest.raises(Missing, match=r"Get weights-inception-2015-12-05-6726825d\.pth from https://.*=PATH"):
        InceptionFeatures(None)
    with pytest.raises(InlayError, match=r"^weights\.inception=nowhere\.pth: no such file\. Get weights-inception"):
        InceptionFeatures("nowhere.pth")
    monkeypatch.setattr(fid_kid, "find_spec", lambda _: None)
    with pytest.raises(Missing, match="pip install torch-fidelity"):
        InceptionFeatures("any.pth")


def test_f1_with_fid_by_hand():
    found = f1_with_fid({"fid_n9": 20.0, "ssim": 0.9, "lpips": 0.1})
    assert found == pytest.approx({"ssim_fid100_f1_n9": 1.44 / 1.701, "lpips_fid100_f1_n9": 1.44 / 1.701})
    assert f1_with_fid({"fid_n9": 120.0, "ssim": 0.9}) == {"ssim_fid100_f1_n9": 0}
    assert f1_with_fid({"ssim": 0.9}) == {}
