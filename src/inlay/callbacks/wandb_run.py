"""A run on Weights & Biases."""

import logging
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
from lightning_fabric.loggers.logger import rank_zero_experiment
from pytorch_lightning.loggers import WandbLogger
from pytorch_lightning.utilities import rank_zero_only

from inlay.callbacks.dashboards import give_up, unfailing
from inlay.checkpoints.files import resolved
from inlay.errors import one_line
from inlay.printing import printable

log = logging.getLogger(__name__)

_TO_STOP = 10.0  # seconds that wandb's own process has to stop
_TO_BEGIN = 30.0  # seconds that a server has to answer at the start


class WandbRun(WandbLogger):
    """Log to one run of Weights & Biases, also when the run is resumed; each trial of a sweep has a run of its own.

    Without a key, or where the server does not answer, the run is kept on disk, with the same id, for ``wandb sync``;
    so it is with ``offline``, and with ``WANDB_MODE=offline``. No outage ever stops training.

    Args:
        folder: of the run; ``wandb/`` in it is what stays on disk.
        project: on the dashboard.
        name: of the run, on the dashboard.
        run_id: by which a resumed run finds itself again.
        offline: keep the run on disk.
        artifact: send the best checkpoint when the run has succeeded.
        patience: seconds that the end of the run waits for what is still to be sent; the rest waits for ``wandb sync``.
    """

    def __init__(
        self,
        folder: str,
        project: str,
        name: str,
        run_id: str,
        offline: bool = False,
        artifact: bool = False,
        patience: float = 300.0,
    ) -> None:
        super().__init__(name=name, project=project, save_dir=folder, id=run_id, offline=offline)
        self.lost = False
        self.folder, self.artifact, self.patience = Path(folder), artifact, patience

    @property
    @rank_zero_experiment
    def experiment(self) -> Any:
        """The run as wandb knows it; begun at its first use."""
        if self._experiment is None:
            self._experiment = self._begin()
        return self._experiment

    log_hyperparams = unfailing(WandbLogger.log_hyperparams)
    log_metrics = unfailing(WandbLogger.log_metrics)
    log_image = unfailing(WandbLogger.log_image)

    @unfailing
    @rank_zero_only
    def log_table(
        self,
        key: str,
        columns: list[str] | None = None,
        data: list[list[Any]] | None = None,
        dataframe: Any = None,
        step: int | None = None,
    ) -> None:
        """Send a table; a cell that is an ``(H, W, 3)`` array becomes a picture, a text stays nothing but text."""
        rows = [[_cell(cell) for cell in row] for row in data or []]
        super().log_table(key, columns, rows, dataframe, step)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """With ``artifact`` send the best checkpoint; end the run, so that the next one in this process begins anew."""
        if self._experiment is None:
            return
        if self.artifact and status == "success":
            self._send_best()
        run, self._experiment = self._experiment, None
        try:
            run.finish(exit_code=int(status == "failed"))
        except Exception as error:
            give_up(self, error)
        _let_go()

    @unfailing
    def _send_best(self) -> None:
        import wandb

        best = self.folder / "checkpoints/best.ckpt"
        if best.exists():
            artifact = wandb.Artifact(f"{self.name}-{self.version}", type="model")
            artifact.add_file(str(resolved(best)), name=best.name)
            self.experiment.log_artifact(artifact, aliases=["best"])

    def _begin(self) -> Any:
        """A run in the first mode that works; the last one, which sends and keeps nothing, always does."""
        import wandb

        if not self._offline and wandb.setup().settings.mode not in ("offline", "dryrun", "disabled"):
            try:
                return self._online()
            except Exception as error:
                _let_go()  # the failed attempt has taken the id
                self._offline = True
                log.warning(
                    "wandb cannot be used online (%s). The run is kept on disk; send it later: wandb sync %s",
                    one_line(error), self.folder / "wandb/offline-run-*",
                )  # fmt: skip
        try:
            return self._init("offline" if self._offline else None)
        except Exception as error:
            give_up(self, error)
            return wandb.init(mode="disabled")

    def _online(self) -> Any:
        import wandb
        from wandb.errors import UsageError

        if not wandb.login(prompt=False):  # a question at a terminal would wait for ever
            raise UsageError("there is no API key; `wandb login` stores one")
        return self._init("online")

    def _init(self, mode: Any) -> Any:
        import wandb

        patience = wandb.Settings(init_timeout=_TO_BEGIN, finish_timeout=self.patience)
        given = {key: value for key, value in self._wandb_init.items() if value is not None}
        run = wandb.init(mode=mode, reinit="finish_previous", settings=patience, **given)
        run.define_metric("trainer/global_step")
        run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return run


def _cell(value: Any) -> Any:
    import wandb

    if isinstance(value, np.ndarray):
        return wandb.Image(value)
    return printable(value) if isinstance(value, str) else value


def _let_go() -> None:
    """Stop wandb's own process, or leave it behind: while a server keeps it waiting, it may never stop by itself.

    Whoever began it waits for it at exit; no longer after this.
    """
    import wandb

    def stop() -> None:
        with suppress(Exception):  # the process is gone already
            wandb.teardown()

    stopping = Thread(target=stop, daemon=True)
    stopping.start()
    stopping.join(_TO_STOP)
