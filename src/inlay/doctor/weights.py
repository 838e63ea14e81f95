"""Weights of other people's networks: which are here, and where the others are to be had."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from inlay.doctor.finding import Finding

_TORCHVISION = "https://download.pytorch.org/models"
_FIDELITY = "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0"
_IMAGENET = "BSD-3-Clause (learned from ImageNet: for research)"
_SLACK = 0.01  # of the size: what a size in megabytes leaves open


@dataclass(frozen=True)
class File:
    """Weights that are one file.

    Attributes:
        network: what it is called.
        use: what Inlay does with it.
        setting: names another place for it.
        origin: its address.
        megabytes: how large it is.
        license: of the weights.
        fetched: whether a run that needs it downloads it; otherwise a setting must name it.
    """

    network: str
    use: str
    setting: str
    origin: str
    megabytes: float
    license: str
    fetched: bool = True


FILES = [
    File("VGG16", "loss=pconv", "loss.extractors.vgg.weights", f"{_TORCHVISION}/vgg16-397923af.pth", 527.8, _IMAGENET),
    File(
        network="Inception v3",
        use="model=damsm",
        setting="model.weights",
        origin=f"{_TORCHVISION}/inception_v3_google-0cc3c7bd.pth",
        megabytes=103.9,
        license=_IMAGENET,
    ),
    File(
        network="AlexNet",
        use="LPIPS",
        setting="weights.lpips",
        origin=f"{_TORCHVISION}/alexnet-owt-7be5be79.pth",
        megabytes=233.1,
        license=_IMAGENET,
        fetched=False,
    ),
    File(
        network="Inception, 2015",
        use="FID and its kin",
        setting="weights.inception",
        origin=f"{_FIDELITY}/weights-inception-2015-12-05-6726825d.pth",
        megabytes=91.2,
        license="Apache-2.0",
        fetched=False,
    ),
]


@dataclass(frozen=True)
class Hosted:
    """Weights that are a folder on the Hugging Face hub; the attributes are those of :class:`File`."""

    network: str
    use: str
    setting: str
    name: str
    license: str


HOSTED = [
    Hosted("CLIP", "text=clip, text_image=clip", "text.model", "openai/clip-vit-base-patch32", "MIT"),
    Hosted("BERT", "text=bert", "text.model", "google-bert/bert-base-uncased", "Apache-2.0"),
]


def weights() -> Iterator[Finding]:
    """A finding for each network, and for the text-image model that one trains oneself."""
    import torch

    folder = Path(torch.hub.get_dir()) / "checkpoints"
    yield from (_file(each, folder) for each in FILES)
    yield from (_hosted(each) for each in HOSTED)
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


def _hosted(known: Hosted) -> Finding:
    from huggingface_hub import try_to_load_from_cache

    if isinstance(path := try_to_load_from_cache(known.name, "model.safetensors"), str):
        return Finding(known.network, str(Path(path).parent))
    origin = f"https://huggingface.co/{known.name}"
    remedy = f"The first run that needs it downloads it. Or put {origin} into a folder: {known.setting}=FOLDER"
    return Finding(known.network, f"not here; {known.use}; {known.license}", "absent", remedy, known.use)


def _damsm(outputs: Path) -> Finding:
    trained = sorted(outputs.glob("damsm*/**/checkpoints/best.ckpt"))
    if trained:
        return Finding("DAMSM", f"trained here: {trained[-1]}")
    remedy = "It is trained here: inlay train experiment=damsm_cub data.root=PATH"
    return Finding("DAMSM", f"none in {outputs}; text_image=damsm", "absent", remedy, "text_image=damsm")
