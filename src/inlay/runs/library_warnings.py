"""Warnings of libraries that no user can act on."""

import logging
import warnings


def silence_warnings() -> None:
    """Silence warnings of libraries that no user can act on."""
    logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)
    logging.getLogger("pytorch_lightning.profilers").setLevel(logging.INFO)  # the table of debug=profiler
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")  # VGG, a frozen encoder norm
    warnings.filterwarnings("ignore", message=r"It is recommended to use `self.log\('val/")  # torchmetrics has reduced
    warnings.filterwarnings("ignore", message="Checkpoint directory .* exists and is not empty")  # a resumed run's
