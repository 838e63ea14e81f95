"""Installed software, requirements that are not met, and extras that could be added."""

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

import inlay
from inlay.doctor import Finding

_SHOWN = ("torchvision", "pytorch-lightning", "transformers", "numpy", "pillow", "opencv-python-headless")
_SAME_FILES = "opencv-python-headless", "opencv-python"  # either will do, both overwrite each other


def software() -> Iterator[Finding]:
    """Inlay, Python and the packages that Inlay cannot do without."""
    yield Finding("Inlay", inlay.__version__)
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    wrong = [*_wrong_packages()]
    known = ", ".join(f"{name} {found}" for name in _SHOWN if (found := installed(name)))
    yield from wrong or [Finding("packages", f"all that Inlay needs, among them {known}")]
    yield _torch()


def extras() -> Iterator[Finding]:
    """What ``pip install "inlay[NAME]"`` would add, by the name."""
    always = _requirements("inlay")
    for name in sorted({*(metadata("inlay").get_all("Provides-Extra") or [])} - {"dev"}):
        needed = [each for each in _requirements("inlay", name) if each not in always]
        missing = [each.name for each in needed if unmet(each)]
        if missing:
            lacks, remedy = ", ".join(missing), f'To use it: pip install "inlay[{name}]"'
            yield Finding(name, f"missing: {lacks}", "absent", remedy, lacks)
        else:
            yield Finding(name, ", ".join(f"{each.name} {installed(each.name)}" for each in needed))


def installed(name: str) -> str | None:
    """The version of a package, or of another that provides the same module; None where there is none."""
    return next(filter(None, map(_version, (name, *_SAME_FILES) if name in _SAME_FILES else (name,))), None)


def unmet(requirement: Requirement) -> Finding | None:
    """What keeps a requirement from being met: the package is missing, or has another version."""
    found, remedy = installed(requirement.name), f'pip install "{requirement.name}{requirement.specifier}"'
    if found is None:
        return Finding(requirement.name, "missing", "problem", remedy)
    if not requirement.specifier.contains(found, prereleases=True):
        return Finding(requirement.name, f"{found}, where Inlay asks for {requirement.specifier}", "warning", remedy)
    return None


def _wrong_packages() -> Iterator[Finding]:
    for requirement in _requirements("inlay"):
        if finding := unmet(requirement):
            yield finding
        else:
            yield from _at_odds(requirement.name)
    if all(map(_version, _SAME_FILES)):
        ours, other = _SAME_FILES
        remedy = f"pip uninstall --yes {ours} {other} && pip install {ours}"
        yield Finding(other, f"installed beside {ours}, whose files are the same ones", "warning", remedy)


def _at_odds(name: str) -> Iterator[Finding]:
    """Where a package that is here does not go with another that is here."""
    for inner in _requirements(name):
        found = installed(inner.name)
        if found is not None and not inner.specifier.contains(found, prereleases=True):
            wanted = f"{inner.name}{inner.specifier}"
            clash = f"{installed(name)} asks for {wanted}; {found} is installed"
            yield Finding(name, clash, "warning", f'pip install --upgrade {name} "{wanted}"')


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _requirements(package: str, extra: str = "") -> list[Requirement]:
    """The requirements of a package on this machine, with those of an extra."""
    try:
        asked = [Requirement(line) for line in requires(package) or []]
    except PackageNotFoundError:  # a stand-in is here in its place
        return []
    return [each for each in asked if each.marker is None or each.marker.evaluate({"extra": extra})]


def _torch() -> Finding:
    import torch

    parts = [str(torch.__version__), f"CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"]
    if (cudnn := torch.backends.cudnn.version()) is not None:  # type: ignore[no-untyped-call]
        parts.append(f"cuDNN {cudnn}")
    return Finding("PyTorch", ", ".join(parts))
