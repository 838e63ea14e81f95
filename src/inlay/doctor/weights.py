"""Weights of other people's networks: which are here, and where the others are to be had."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from huggingface_hub import try_to_load_from_cache
from torchvision.models import AlexNet_Weights, Inception_V3_Weights, VGG16_Weights, WeightsEnum

from inlay.doctor import Finding
from inlay.metrics import fid_kid

_IMAGENET = "BSD-3-Clause (learned from ImageNet: for research)"
_SLACK = 0.01  # of the size: what a size in megabytes leaves open


class File(NamedTuple):
    """Weights that are one file."""

    network: str
    use: str
    setting: str
    """Names another place for it."""
    origin: str
    megabytes: float
    license: str
    fetched: bool
    """Whether a run that needs it downloads it; otherwise the setting must name it."""


def _torchvision(network: str, use: str, setting: str, theirs: WeightsEnum, fetched: bool = True) -> File:
    return File(network, use, setting, theirs.url, theirs.meta["_file_size"], _IMAGENET, fetched)


FILES = [
    _torchvision("VGG16", "loss=pconv", "loss.extractors.vgg.weights", VGG16_Weights.IMAGENET1K_V1),
    _torchvision("Inception v3", "model=damsm", "model.weights", Inception_V3_Weights.IMAGENET1K_V1),
    _torchvision("AlexNet", "LPIPS", "weights.lpips", AlexNet_Weights.IMAGENET1K_V1, fetched=False),
    File("Inception, 2015", "FID and its kin", "weights.inception", fid_kid.ORIGIN, 91.2, "Apache-2.0", False),
]
HOSTED = [  # as folders on the Hugging Face hub: network, use, setting, name, license
    ("CLIP", "text=clip, text_image=clip", "text.model", "openai/clip-vit-base-patch32", "MIT"),
    ("BERT", "text=bert", "text.model", "google-bert/bert-base-uncased", "Apache-2.0"),
]


def weights() -> Iterator[Finding]:
    """A finding for each network, and for the text-image model that one trains oneself."""
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    yield from (_file(each, folder) for each in FILES)
    yield from (_hosted(*each) for each in HOSTED)
    yield _damsm(Path("outputs"))


def _file(known: File, folder: Path) -> Finding:
    path = folder / Path(known.origin).name
    if not path.exists():
        found = f"not here; {known.use}; {known.megabytes:.0f} MB; {known.license}"
        if known.fetched:
            remedy = f"The first run that needs it downloads it. Or put {known.origin} into {folder}"
        else:
            remedy = f"Get {known.origin} and name its place: {known.setting}=PATH"
        return Finding(known.network, found, "absent", remedy, known.use)
    megabytes = path.stat().st_size / 2**20
    if abs(megabytes / known.megabytes - 1) > _SLACK:
        found = f"{path} has {megabytes:.0f} MB of {known.megabytes:.0f}: a download that broke off"
        return Finding(known.network, found, "warning", f"Remove it, and get {known.origin}")
    return Finding(known.network, f"{path}" if known.fetched else f"to be used with {known.setting}={path}")


def _hosted(network: str, use: str, setting: str, name: str, license: str) -> Finding:
    if isinstance(path := try_to_load_from_cache(name, "model.safetensors"), str):
        return Finding(network, str(Path(path).parent))
    remedy = f"The first run that needs it downloads it. Or put https://huggingface.co/{name} into a folder"
    return Finding(network, f"not here; {use}; {license}", "absent", f"{remedy}: {setting}=FOLDER", use)


def _damsm(outputs: Path) -> Finding:
    trained = sorted(outputs.glob("damsm*/**/checkpoints/best.ckpt"))
    if trained:
        return Finding("DAMSM", f"trained here: {trained[-1]}")
    remedy = "It is trained here: inlay train experiment=damsm_cub data.root=PATH"
    return Finding("DAMSM", f"none in {outputs}; text_image=damsm", "absent", remedy, "text_image=damsm")
