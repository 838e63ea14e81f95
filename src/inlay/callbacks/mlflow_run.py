"""A run on MLflow."""

import os
import time
from argparse import Namespace
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pytorch_lightning.loggers import Logger
from pytorch_lightning.utilities import rank_zero_only

from inlay.callbacks.dashboards import unfailing
from inlay.checkpoints.files import resolved
from inlay.errors import InlayError
from inlay.runs.resume import leaves

_TAG = "inlay.run_id"
_BOUNDS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}  # its own wait many minutes
_LONGEST, _MOST = 6000, 100  # characters of a parameter, parameters at a time: what servers take


class MLflowRun(Logger):
    """Log to one run of MLflow, also when the run is resumed: it is found by its tag ``inlay.run_id``.

    Lightning's own logger asks the server on construction, in every process, and raises when that does not answer.
    This one gives a server up that cannot be reached, with a warning.

    Args:
        folder: of the run.
        experiment: what the run belongs to.
        name: of the run.
        run_id: by which a resumed run finds itself again.
        tracking_uri: a server, or a database. None for ``MLFLOW_TRACKING_URI``, or else ``mlflow.db`` in the
            folder. Read here, as it may hold a password, which no checkpoint should carry.
        artifact: send the best checkpoint when the run has succeeded.

    Raises:
        InlayError: the package is not installed.
    """

    def __init__(
        self,
        folder: str,
        experiment: str,
        name: str,
        run_id: str,
        tracking_uri: str | None = None,
        artifact: bool = False,
    ) -> None:
        super().__init__()
        if find_spec("mlflow") is None:
            raise InlayError('logger=mlflow needs the package mlflow: pip install "inlay[mlflow]".')
        self.lost = False
        self.folder, self.artifact = Path(folder), artifact
        self.tracking_uri = tracking_uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{folder}/mlflow.db"
        self._experiment, self._name, self._run_id = experiment, name, run_id
        self._begun = False

    @property
    def name(self) -> str:
        return self._name

    @property
    def version(self) -> str:
        """What the run is found by when it is resumed."""
        return self._run_id

    @unfailing
    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Send the configuration: parameters as the run began with them, and ``config.yaml`` as it is now."""
        settings = vars(params) if isinstance(params, Namespace) else params
        known = self._client.get_run(self._run).data.params  # MLflow lets nobody change them
        from mlflow.entities import Param

        new = [Param(key, str(value)[:_LONGEST]) for key, value in leaves(settings, "/") if key not in known]
        for first in range(0, len(new), _MOST):
            self._client.log_batch(self._run, params=new[first : first + _MOST])
        self._client.log_dict(self._run, settings, "config.yaml")

    @unfailing
    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._run, [Metric(key, float(value), now, step or 0) for key, value in metrics.items()])

    @unfailing
    @rank_zero_only
    def log_image(self, key: str, picture: NDArray[np.uint8], step: int) -> None:
        """Send an ``(H, W, 3)`` picture."""
        self._client.log_image(self._run, picture, key=key, step=step)

    @unfailing
    @rank_zero_only
    def finalize(self, status: str) -> None:
        if not self._begun:
            return
        best = self.folder / "checkpoints/best.ckpt"
        if self.artifact and status == "success" and best.exists():
            self._client.log_artifact(self._run, str(best if best.is_symlink() else resolved(best)))
        self._client.set_terminated(self._run, "FAILED" if status == "failed" else "FINISHED")

    @cached_property
    def _client(self) -> Any:
        for name, value in _BOUNDS.items():
            os.environ.setdefault(name, value)  # MLflow has no other place for them
        from mlflow.tracking import MlflowClient

        return MlflowClient(self.tracking_uri)

    @cached_property
    def _run(self) -> str:
        """MLflow's own id of the run that has our tag; it is made where there is none."""
        experiment = self._find_experiment() or self._make_experiment()
        found = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{self._run_id}'")
        run = found[0] if found else self._client.create_run(experiment, tags={_TAG: self._run_id}, run_name=self._name)
        if found:
            self._client.update_run(run.info.run_id, status="RUNNING")
        self._begun = True
        return str(run.info.run_id)

    def _find_experiment(self) -> str | None:
        found = self._client.get_experiment_by_name(self._experiment)
        return None if found is None else str(found.experiment_id)

    def _make_experiment(self) -> str:
        from mlflow.exceptions import MlflowException

        database = self.tracking_uri.startswith("sqlite:")
        pictures = (self.folder / "mlflow").resolve().as_uri() if database else None  # else the working directory
        try:
            return str(self._client.create_experiment(self._experiment, artifact_location=pictures))
        except MlflowException:  # another trial was faster
            if found := self._find_experiment():
                return found
            raise
