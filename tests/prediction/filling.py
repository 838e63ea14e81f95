"""How the tests of this room fill the pictures of the folder that they stand in."""

import json
from pathlib import Path

from inlay.prediction import Request, predict


def fill(**options):
    asked = {"image": ["photos"], "mask": "mask.png", "model": "net.ckpt", "output": Path("out"), "device": "cpu"}
    return predict(Request(**{**asked, **options}))


def report():
    return json.loads(Path("out/report.json").read_text())
