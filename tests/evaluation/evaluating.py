"""Evaluations in tests: the real entry point in-process, on tiny pictures."""

import json

from inlay.cli.evaluation import evaluate as entry
from inlay.evaluation import report
from tests.composing import configure as compose

TINY = ["protocol=smoke", "protocol.size=32", "data.num_workers=0", "data.val_split=train", "fillers=[mean,telea]"]


def configure(*overrides):
    return compose(*overrides, config="evaluate")


def evaluate(run_dir, *overrides):
    """Run evaluate.py's own function; the results, if it writes any."""
    overrides = [*TINY, f"run_dir={run_dir}", *overrides]
    entry(configure(*overrides), overrides)
    return results(run_dir)


def evaluate_without_curves(run_dir, *overrides):
    report.render = lambda *_: "<p>not drawn</p>"
    evaluate(run_dir, *overrides)


def results(run_dir):
    path = run_dir / "results.json"
    return json.loads(path.read_text()) if path.exists() else None
