"""Weights that other projects published, turned into checkpoints of Inlay.

A family is a module: which of its tensors becomes which of ours, by name and shape, and by what arithmetic the network
that holds them computes what the original computes.
"""

from inlay.convert.aot import import_aot
from inlay.convert.deepfillv2 import import_deepfillv2
from inlay.convert.files import Imported
from inlay.convert.lama import import_lama
from inlay.convert.naoto0804 import import_naoto0804
from inlay.convert.tdanet import import_tdanet

__all__ = ["Imported", "import_aot", "import_deepfillv2", "import_lama", "import_naoto0804", "import_tdanet"]
