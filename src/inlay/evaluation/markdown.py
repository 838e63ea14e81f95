"""Tables as Markdown, to be read."""

from collections.abc import Iterable, Mapping, Sequence

from inlay.errors import InlayError
from inlay.evaluation.results import LeftOut, Results
from inlay.evaluation.tables import ARROWS, NOTHING, Cell, Table, by_metric, facts, head, left_out
from inlay.printing import markdown as plain


def markdown(results: Results) -> str:
    """All tables as Markdown, with what is needed to judge them before, and what was left out behind."""
    marks = "**Bold**: the best of the bucket. ~: within noise of it (the paired 95 % bootstrap interval holds 0)."
    lines = [
        f"# Evaluation on {plain(results['protocol']['name'])}",
        "",
        *_facts(results),
        "",
        *_tables(by_metric(results), results["buckets"]),
        f"{marks} {NOTHING}: no value. n: cases.",
        "",
        *_left_out(results),
    ]
    return "\n".join(lines).rstrip() + "\n"


def many(folders: Sequence[tuple[str, Results]]) -> str:
    """The tables of several evaluations as Markdown, a section for each test.

    Results of the same protocol on the same samples, by the same versions of probes, share a section. Nothing is
    marked: fillers of different folders were not compared picture by picture.

    Args:
        folders: the name of each folder, and its results.

    Raises:
        InlayError: two folders have the same name.
    """
    _check_names([name for name, _ in folders])
    tests: list[list[tuple[str, Results]]] = []
    for name, results in folders:
        same = next((members for members in tests if all(_same_test(results, other) for _, other in members)), None)
        if same is None:
            tests.append(same := [])
        same.append((name, results))
    lines = [_how_many(len(tests)), ""]
    for members in tests:
        results = _merged(members)
        lines += [
            f"# {plain(results['protocol']['name'])}: {plain(', '.join(name for name, _ in members))}",
            "",
            *_facts(results),
            "",
            *_tables(by_metric(results, marks=False), results["buckets"]),
            f"{NOTHING}: no value. n: cases.",
            "",
            *_left_out(results),
        ]
    return "\n".join(lines).rstrip() + "\n"


def _same_test(a: Results, b: Results) -> bool:
    """Whether samples are the same, and no probe of both has another version."""
    same = all(a["protocol"][key] == b["protocol"][key] for key in ("hash", "samples"))
    return same and all(a["probes"][name] == b["probes"][name] for name in a["probes"].keys() & b["probes"].keys())


def _unit(table: Table) -> str:
    return " ".join(part for part in (ARROWS[table.better], f"({table.unit})" if table.unit else "") if part)


def _facts(results: Results) -> list[str]:
    about = [plain(results["protocol"]["about"]), ""] if results["protocol"]["about"] else []
    return [*about, *(f"- {plain(key)}: {plain(text)}" for key, text in facts(results))]


def _tables(tables: Iterable[Table], buckets: Mapping[str, int]) -> list[str]:
    lines = []
    for table in tables:
        heads = [f"{plain(head(bucket))} (n={cases})" for bucket, cases in buckets.items()]
        lines += [f"## {plain(table.metric)} {_unit(table)}".rstrip(), ""]
        lines += [_row(["filler", *heads]), _row([":---", *("---:" for _ in heads)])]
        for filler, row in table.rows.items():
            cells = [_cell(table, cell, buckets[bucket]) for bucket, cell in row.items()]
            lines.append(_row([plain(filler), *cells]))
        lines.append("")
    return lines


def _cell(table: Table, cell: Cell, cases: int) -> str:
    number = table.shown(cell.number)
    return " ".join(filter(None, [f"**{number}**" if cell.best else number, "~" * cell.tied, cell.size(cases)]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _left_out(results: Results) -> list[str]:
    lines = left_out(results)
    if not lines:
        return ["Nothing was left out.", ""]
    metrics, cases = len(results["metrics_left_out"]), len(results["pictures_left_out"])
    heading = f"## Left out: {_count(metrics, 'metric')}, {_count(cases, 'picture')}"
    return [heading, "", *(f"- {plain(line)}" for line in lines), ""]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _how_many(tests: int) -> str:
    if tests == 1:
        return "All results come from one test: the same protocol on the very same samples."
    return (
        f"**These results come from {tests} different tests (the protocol's hash, the samples or a probe's version "
        "differ) and must not be compared across sections.**"
    )


def _check_names(names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InlayError(f"Every folder may be given once, got twice: {', '.join(twice)}. Give each one once.")


def _merged(members: Sequence[tuple[str, Results]]) -> Results:
    """Results of one test as if from one folder; fillers of the same name carry their folder's."""
    every = [filler for _, results in members for filler in results["fillers"]]

    def name(folder: str, filler: str) -> str:
        return f"{filler} ({folder})" if every.count(filler) > 1 else filler

    merged = members[0][1].copy()
    merged["fillers"], merged["options"], merged["values"], merged["comparisons"] = {}, {}, {}, []
    merged["probes"], merged["metrics"], merged["metrics_left_out"] = {}, {}, {}
    left_out: dict[tuple[str, str], LeftOut] = {}
    for folder, results in members:
        merged["metrics"] |= results["metrics"]
        merged["probes"] |= results["probes"]
        for filler, version in results["fillers"].items():
            merged["fillers"][name(folder, filler)] = version
            merged["options"][name(folder, filler)] = results["options"][filler]
            merged["values"][name(folder, filler)] = results["values"][filler]
        for metric, reason in results["metrics_left_out"].items():
            merged["metrics_left_out"][f"{metric} ({folder})"] = reason
        left_out |= {(case["id"], case["hole"]): case for case in results["pictures_left_out"]}
    merged["pictures_left_out"] = list(left_out.values())
    return merged
