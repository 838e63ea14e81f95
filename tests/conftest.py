"""What every test shares: no network, a cache of its own, one thread a worker, real photographs where they are."""

import socket
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.register_assert_rewrite(
    "tests.masks.mask_tester", "tests.models.model_tester", "tests.losses.loss_tester", "tests.training"
)

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"

_connect = socket.socket.connect


def _loopback_only(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
        raise RuntimeError(f"a test reached for the network: {address}")
    return _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _loopback_only)
        patch.setattr(socket.socket, "connect_ex", _loopback_only)
        yield


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory):
    """In the environment, so that the processes that tests start have it too: nobody's home is written to."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INLAY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _same_start():
    torch.manual_seed(0)
    torch.set_num_threads(1)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data():
    if not SHARED.is_dir():
        pytest.skip("needs the real photographs in ../shared/data, which are not part of the project")
    return SHARED


@pytest.fixture
def picture_folder(tmp_path, rng):
    from inlay.images import Picture, write_picture

    for number in range(6):
        pixels = rng.integers(0, 256, (40 + number, 50, 3)).astype(np.uint8)
        write_picture(tmp_path / "pictures" / f"{number % 2}" / f"{number}.png", Picture(pixels))
    return tmp_path / "pictures"


@pytest.fixture(scope="session")
def noise(tmp_path_factory):
    """Six small pictures with captions, for runs in which nothing is to be learned; one of them is for validation."""
    from inlay.images import Picture, write_picture

    root, generator = tmp_path_factory.mktemp("noise"), np.random.default_rng(0)
    for number in range(6):
        write_picture(root / f"{number}.png", Picture(generator.integers(0, 256, (48, 48, 3)).astype(np.uint8)))
        (root / f"{number}.txt").write_text(f"a red bird\nbird number {number % 3}\n")
    return root


@pytest.fixture(scope="session")
def tiny_pipeline(tmp_path_factory):
    """An inpainting pipeline of diffusers with random weights; tests that change it copy it first."""
    from inlay.models.latent.tiny import write_tiny_pipeline

    return write_tiny_pipeline(tmp_path_factory.mktemp("pipeline") / "tiny")
