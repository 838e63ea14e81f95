"""What the server of tests/processes.py has imported and composed before it forks."""

import pandas  # noqa: F401  # pyarrow asks for it when captions are read
import pytorch_lightning.strategies  # noqa: F401
import torch._dynamo  # noqa: F401  # the first optimizer asks for it

import inlay.callbacks
import inlay.cli
import inlay.data.datamodule
import inlay.fillers
import inlay.runs.folder
import inlay.runs.replay
import inlay.runs.resume
import inlay.tasks  # noqa: F401
from tests import kills  # noqa: F401
from tests.training import TDANET, TINY, TINY_TEXT, configure

for settings in (TINY, [*TINY, "callbacks=averaged"], [*TINY_TEXT, *TDANET]):
    configure(*settings)
