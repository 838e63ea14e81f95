"""Tables as Markdown, to be read."""

from collections.abc import Iterable, Sequence

from inlay.errors import InlayError
from inlay.evaluation.results import LeftOut, Results
from inlay.evaluation.tables import ARROWS, NOTHING, Cell, Table, by_metric, facts, head, left_out
from inlay.printing import markdown as plain


def markdown(results: Results) -> str:
    """All tables as Markdown, with what is needed to judge them before, and what was left out behind."""
    marks = "**Bold**: the best of the bucket. ~: within noise of it (the paired 95 % bootstrap interval holds 0)."
    lines = _section(f"Evaluation on {results['protocol']['name']}", results, f"{marks} ", by_metric(results))
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
    names = [name for name, _ in folders]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InlayError(f"Every folder may be given once, got twice: {', '.join(twice)}. Give each one once.")
    tests: list[list[tuple[str, Results]]] = []
    for name, results in folders:
        same = next((members for members in tests if all(_same_test(results, other) for _, other in members)), None)
        if same is None:
            tests.append(same := [])
        same.append((name, results))
    lines = ["All results come from one test: the same protocol on the very same samples.", ""]
    if len(tests) > 1:
        lines[0] = (
            f"**These results come from {len(tests)} different tests (the protocol's hash, the samples or a probe's "
            "version differ) and must not be compared across sections.**"
        )
    for members in tests:
        results = _merged(members)
        title = f"{results['protocol']['name']}: {', '.join(name for name, _ in members)}"
        lines += _section(title, results, "", by_metric(results, marks=False))
    return "\n".join(lines).rstrip() + "\n"


def _same_test(a: Results, b: Results) -> bool:
    """Whether samples are the same, and no probe of both has another version."""
    same = all(a["protocol"][key] == b["protocol"][key] for key in ("hash", "samples"))
    return same and all(a["probes"][name] == b["probes"][name] for name in a["probes"].keys() & b["probes"].keys())


def _section(title: str, results: Results, marks: str, tables: Iterable[Table]) -> list[str]:
    """The lines of a test: what it was, a table for each metric, what was left out."""
    lines, buckets = [f"# {plain(title)}", ""], results["buckets"]
    if results["protocol"]["about"]:
        lines += [plain(results["protocol"]["about"]), ""]
    lines += [*(f"- {plain(key)}: {plain(text)}" for key, text in facts(results)), ""]
    heads = [f"{plain(head(bucket))} (n={cases})" for bucket, cases in buckets.items()]
    for table in tables:
        unit = f"({table.unit})" if table.unit else ""
        lines += [" ".join(filter(None, ["##", plain(table.metric), ARROWS[table.better], unit])), ""]
        lines += [_row(["filler", *heads]), _row([":---", *("---:" for _ in heads)])]
        for filler, row in table.rows.items():
            cells = [_cell(table, cell, buckets[bucket]) for bucket, cell in row.items()]
            lines.append(_row([plain(filler), *cells]))
        lines.append("")
    lines += [f"{marks}{NOTHING}: no value. n: cases.", ""]
    if not (left := left_out(results)):
        return [*lines, "Nothing was left out.", ""]
    metrics, cases = len(results["metrics_left_out"]), len(results["pictures_left_out"])
    lines += [f"## Left out: {_count(metrics, 'metric')}, {_count(cases, 'picture')}", ""]
    return [*lines, *(f"- {plain(line)}" for line in left), ""]


def _cell(table: Table, cell: Cell, cases: int) -> str:
    number = table.shown(cell.number)
    return " ".join(filter(None, [f"**{number}**" if cell.best else number, "~" * cell.tied, cell.size(cases)]))


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


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
