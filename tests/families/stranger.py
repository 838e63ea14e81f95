"""What a stranger brings: modules into Inlay's packages and yamls into conf, as if they had been copied there."""

from importlib import import_module
from pathlib import Path

HOME = Path(__file__).parent


def bring(family):
    """Put a family's files where they belong, in this process; returns what lets Hydra find its yamls."""
    for folder in (HOME / family).iterdir():
        if folder.name != "conf":
            places = import_module(f"inlay.{folder.name}").__path__
            if str(folder) not in places:
                places.append(str(folder))
    return f"hydra.searchpath=[file://{HOME / family / 'conf'}]"
