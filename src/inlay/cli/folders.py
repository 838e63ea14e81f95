"""The folder of a run, a sweep or an evaluation: made and taken before anything is written there."""

import atexit
import itertools
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, read_write

from inlay.errors import InlayError, reported, unwritable
from inlay.files import at_home, check_links, held
from inlay.processes import is_first_process, is_only_process

EVALUATION = (
    *("results.json", "results.parquet", "table.md", "table.tex", "report.html", "rows", "pictures", "evaluate.log"),
)
"""What lies in the folder of one; see :mod:`inlay.evaluation.folder`."""

_HOLDING = ExitStack()  # not the callback's own: launchers send that to other machines
atexit.register(_HOLDING.close)  # Hydra tells nothing of runs that end with an exit status


class NewFolder(Callback):
    """Where the clock names the folder, make one that no other process has: ``DATE_TIME``, else ``DATE_TIME_2``.

    Hydra calls this before it opens its log there. A mistake ends the process with one line, as Hydra itself would make
    a warning of it.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """For a single run."""
        with reported():
            self._take(config, "hydra.run.dir")

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """For a sweep, whose trials lie in it."""
        with reported():
            self._take(config, "hydra.sweep.dir")

    def _take(self, config: DictConfig, key: str) -> Path:
        folder = Path(OmegaConf.select(config, key))
        if (home := at_home(folder)) != folder:
            folder = home
            with read_write(config):
                OmegaConf.update(config, key, str(folder))
        if not _is_named_by_the_clock(config, key):
            self._check(folder)
            return folder
        if not is_only_process():
            raise InlayError(
                "several processes were started, and each would write to a folder of its own. Give run_dir=..."
            )
        folder = reserved(folder)
        with read_write(config):
            OmegaConf.update(config, key, str(folder))
            quoted = "'" + str(folder).replace("\\", "\\\\").replace("'", "\\'") + "'"
            config.hydra.overrides.hydra.append(f"{key}={quoted}")  # a sweep's trials are composed anew
        return folder

    def _check(self, folder: Path) -> None:
        """Refuse what would let an evaluation write elsewhere."""
        check_links(folder, EVALUATION)


class OwnFolder(NewFolder):
    """Hold the folder, too, until the run ends: a second training there would mix its files with the first one's.

    Of several processes that train together the first one holds it.
    """

    def on_run_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Let it go."""
        _HOLDING.close()

    on_multirun_end = on_run_end

    def _take(self, config: DictConfig, key: str) -> Path:
        folder = super()._take(config, key)
        if is_first_process():
            _HOLDING.enter_context(held(folder, "training"))
        return folder

    def _check(self, folder: Path) -> None:
        from inlay.runs.folder import check_folder  # takes its time, and Hydra looks at this module for --help, too

        check_folder(folder)


def reserved(folder: Path) -> Path:
    """Make a folder that was not there: this one, else the first of ``NAME_2``, ``NAME_3``, ... that is new.

    Raises:
        InlayError: the disk refuses.
    """
    for number in itertools.count(2):
        try:
            folder.mkdir(parents=True)
            return folder
        except FileExistsError:
            folder = folder.with_name(f"{folder.name.removesuffix(f'_{number - 1}')}_{number}")
        except OSError as error:
            raise unwritable(folder, error) from error
    raise AssertionError("there is always another number")


def _is_named_by_the_clock(config: DictConfig, key: str) -> bool:
    """Whether the folder is the one of the configuration, and that one is named by ``now``."""
    given = any(word.startswith(f"{key}=") for word in config.hydra.overrides.hydra)
    named: str = OmegaConf.to_container(config, resolve=False)["run_dir"]  # type: ignore[index, call-overload]
    return not given and "${now" in named
