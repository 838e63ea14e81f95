"""An evaluation from its configuration to its report; ``inlay evaluation``: what has been measured, put together."""

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import DictConfig, OmegaConf

from inlay.cli.building import instantiate
from inlay.cli.settings import check, open_dataset, replace_home, require
from inlay.errors import InlayError, Missing
from inlay.printing import console, say
from inlay.processes import env_rank_and_world, is_only_process, local_rank

if TYPE_CHECKING:
    from inlay.evaluation.results import Results
    from inlay.evaluation.scoring import Probe
    from inlay.evaluation.store import Shard

log = logging.getLogger(__name__)

_SHOWN = "psnr_hole"
_DATA = (  # the settings of the group that an evaluation reads
    "root", "index", "listing", "val_split", "verify", "on_bad_file", "on_damaged", "num_workers",
)  # fmt: skip
_OWN = {
    "fillers": str | list[str | dict[str, Any]],
    "shard": str | None,
    **dict.fromkeys(("run_dir", "device", "strategy"), str),
}


def evaluate(cfg: DictConfig, overrides: list[str]) -> None:
    """Fill and measure what is not measured yet; write the results when nothing is missing any more.

    Raises:
        InlayError: a setting is none of an evaluation; see also :meth:`inlay.evaluation.run.Evaluation.run`.
    """
    from inlay.data.filesystem import check_root

    replace_home(cfg)
    require([f"data.{key}" for key in _DATA if OmegaConf.is_missing(cfg.data, key)])
    if "root" in cfg.data:
        check_root(Path(cfg.data.root))
    check(cfg, "evaluate", _OWN)
    _check_used(overrides)

    import torch  # what follows takes seconds to import

    from inlay.checkpoints import provenance
    from inlay.device import choose_device
    from inlay.evaluation.folder import EvalFolder, file_name
    from inlay.evaluation.run import Evaluation
    from inlay.evaluation.write_results import write_results
    from inlay.fillers import load_filler, short_names
    from inlay.parallel import cores
    from inlay.pipeline import FillOptions

    torch.set_num_threads(1)  # sums depend on their order: so they are the same however many processes share a machine
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    cfg.device = _device(choose_device(cfg.device))
    shard = _shard(cfg.shard)
    listed = OmegaConf.to_container(cfg.fillers, resolve=True) if OmegaConf.is_config(cfg.fillers) else [cfg.fillers]
    chosen = cast(list[str | dict[str, Any]], listed)
    names = short_names(chosen)
    if not names or len({file_name(name) for name in names}) < len(names):
        raise InlayError(f"fillers must name fillers, with distinct file names; got {', '.join(names) or 'none'}.")
    probes, left_out = _probes(cfg)
    evaluation = Evaluation(
        protocol=_protocol(cfg),
        fillers={name: load_filler(filler, cfg.device) for name, filler in zip(names, chosen, strict=True)},
        probes=probes,
        left_out=left_out,
        pictures=open_dataset(cfg.data, cfg.data.get("val_split", "val")),  # last: an index may take its time
        folder=EvalFolder(Path(cfg.run_dir)),
        provenance=provenance.software()
        | {"device": torch.cuda.get_device_name(cfg.device) if cfg.device.startswith("cuda") else cfg.device},
        options=FillOptions(cfg.strategy, instantiate(cfg.composer)),
        options_text=_options_text(cfg),
        on_bad_file=cfg.data.on_bad_file,
    )
    headers = evaluation.headers()
    protocol = evaluation.protocol_info()
    log.info("protocol %s, hash %s", protocol["name"], protocol["hash"])
    for name, reason in left_out.items():
        log.warning("left out %s: %s", name, reason)
    evaluation.run(shard, min(cfg.data.num_workers, cores() - 1))
    results = write_results(evaluation.folder, headers)
    if results is None:
        log.info("shard %s is done; the last one writes the results, or: inlay evaluation merge FOLDER ...", shard)
        return
    _print_results(results, evaluation.folder.root)


def add_commands(commands: Any) -> None:
    """Add the commands to a parser."""
    evaluation = commands.add_parser("evaluation", help="results of `inlay evaluate`")
    actions = evaluation.add_subparsers(required=True, metavar="ACTION")

    merge = actions.add_parser("merge", help="put shards, or fillers that were evaluated one by one, into one result")
    merge.add_argument("folder", nargs="+", type=Path, help="run_dir of an evaluation by one and the same protocol")
    merge.add_argument("--out", type=Path, help="where to (default: the folder, if it is one)")
    merge.set_defaults(run=_merge)

    compare = actions.add_parser("compare", help="tables of several results, those of different tests kept apart")
    compare.add_argument("folder", nargs="+", type=Path, help="run_dir of an evaluation")
    compare.set_defaults(run=_compare)


def _merge(args: argparse.Namespace) -> None:
    from inlay.evaluation.write_results import merge

    if args.out is None and len(args.folder) > 1:
        raise InlayError("several folders are to be merged: give --out, the folder of the whole.")
    out = args.out or args.folder[0]
    _print_results(merge(args.folder, out), out)


def _compare(args: argparse.Namespace) -> None:
    from inlay.evaluation.markdown import many
    from inlay.evaluation.write_results import read

    say(many([(str(folder), read(folder)) for folder in args.folder]))


def _print_results(results: "Results", folder: Path) -> None:
    """Print the leading table, and the paths of the others."""
    from rich import box
    from rich.table import Table

    from inlay.evaluation.folder import WRITTEN
    from inlay.evaluation.tables import by_metric, head

    tables = {table.metric: table for table in by_metric(results)}
    table = tables.get(_SHOWN) or next(iter(tables.values()))
    protocol = results["protocol"]
    title = f"{table.metric} by hole ratio, protocol {protocol['name']} {protocol['hash']}"
    printed = Table(title=title, box=box.SIMPLE)
    printed.add_column("filler", overflow="fold")
    for bucket, cases in results["buckets"].items():
        printed.add_column(f"{head(bucket)}\nn={cases}", justify="right")
    for filler, row in table.rows.items():
        marks = (("*" if cell.best else "~" if cell.tied else " ") for cell in row.values())
        printed.add_row(
            filler, *(table.shown(cell.number) + mark for cell, mark in zip(row.values(), marks, strict=True))
        )
    console().print(printed)
    print("* best of the bucket  ~ within noise of it")
    for name in WRITTEN:
        say(folder / name)


def _check_used(overrides: list[str]) -> None:
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        if key.startswith("data.") and key.split(".")[1] not in _DATA:
            raise InlayError(
                f"{override}: does nothing here, as the protocol says how pictures are cut and holed. Of data, an "
                f"evaluation reads {', '.join(_DATA)}; for another test change the protocol: protocol.size=512."
            )


def _device(chosen: Any) -> str:
    """A process of several that torchrun started takes the GPU of its number."""
    return f"cuda:{local_rank() or 0}" if chosen.type == "cuda" and chosen.index == 0 else str(chosen)


def _shard(given: str | None) -> "Shard":
    """The given part; by default the one of this process among those of torchrun."""
    from inlay.evaluation.store import Shard

    rank, world = env_rank_and_world()
    if given is None and world == 1 and not is_only_process():
        raise InlayError(
            "SLURM started several tasks, and each would do everything. Give srun a script with "
            "shard=$((SLURM_PROCID+1))/$SLURM_NTASKS, or shard=1/1 for a single process."
        )
    if given is None:
        return Shard(rank + 1, world)
    if world > 1:
        raise InlayError(
            "shard= is for jobs that are started one by one; processes of torchrun share out by themselves."
        )
    return Shard.read(given)


def _protocol(cfg: DictConfig) -> Any:
    return instantiate(cfg.protocol)(recipe=OmegaConf.to_container(cfg.protocol, resolve=True))


def _options_text(cfg: DictConfig) -> str:
    """Such as ``strategy=whole, composer=HardComposer(dilate=0)``."""
    settings = ", ".join(f"{key}={value}" for key, value in cfg.composer.items() if key != "_target_")
    return f"strategy={cfg.strategy}, composer={cfg.composer._target_.rpartition('.')[2]}({settings})"


def _probes(cfg: DictConfig) -> "tuple[dict[str, Probe], dict[str, str]]":
    """The probes, and reasons by name of those that cannot measure here: without weights, or without a truth."""
    from inlay.checkpoints.files import digest
    from inlay.evaluation.scoring import Probe

    for name, path in cfg.weights.items():
        if path and not Path(path).exists():
            raise InlayError(f"weights.{name}={path}: no such file or folder.")
    versions = cfg.copy()  # where weights lie on this machine, and which one it is, changes no number
    versions.weights = {name: path and digest(path) for name, path in cfg.weights.items()}
    versions.device = None
    probes: dict[str, Probe] = {}
    left_out: dict[str, str] = {}
    for name in [name for name in cfg.probe if cfg.probe[name] is not None]:
        try:
            settings = cast(dict[str, Any], OmegaConf.to_container(versions.probe[name], resolve=True))
            probe = Probe(instantiate(cfg.probe[name]), settings)
        except Missing as missing:
            left_out[name] = str(missing)
            continue
        if not cfg.protocol.truth and probe.metric.needs_truth:
            left_out[name] = f"compares with the true picture, and protocol {cfg.protocol.name} has truth: false."
        else:
            probes[name] = probe
    if not probes:
        raise InlayError(
            f"probe={list(cfg.probe)}: nothing to measure with. Choose others, such as probe=pixel_errors."
        )
    if len(several := [name for name, probe in probes.items() if probe.has_features]) > 1:
        raise InlayError(f"probe={several}: choose one that makes features for FID and KID.")
    return probes, left_out
