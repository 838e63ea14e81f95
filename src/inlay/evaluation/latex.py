"""Tables for LaTeX, for papers."""

import re
from collections.abc import Iterable, Mapping

from inlay.evaluation.results import Results
from inlay.evaluation.tables import NOTHING, Cell, Table, by_metric, facts, head, left_out
from inlay.printing import printable

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    NOTHING: "--",
    **{character: f"\\{character}" for character in "&%$#_{}"},
}


def latex(results: Results) -> str:
    """All tables for LaTeX with the package ``booktabs``, a ``table`` each; everything else in comments."""
    protocol = results["protocol"]
    comments = [
        f"Evaluation on {protocol['name']}. Needs \\usepackage{{booktabs}}.",
        *(f"{key}: {text}" for key, text in facts(results)),
    ]
    test = f"Protocol {_escaped(protocol['name'])}, hash \\texttt{{{_escaped(protocol['hash'])}}}"
    blocks = [
        _comments(comments),
        *(_table(table, results["buckets"], test) for table in by_metric(results)),
        _comments(left_out(results)),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _escaped(text: str) -> str:
    """Text that LaTeX shows as it is, on one line."""
    return "".join(_SPECIAL.get(character, character) for character in " ".join(printable(text).split()))


def _comments(lines: Iterable[str]) -> str:
    return "\n".join(f"% {' '.join(printable(line).split())}" for line in lines)


def _table(table: Table, buckets: Mapping[str, int], test: str) -> str:
    rows = [
        " & ".join([_escaped(filler), *(_cell(table, cell, buckets[bucket]) for bucket, cell in row.items())])
        for filler, row in table.rows.items()
    ]
    heads = [_head(bucket) for bucket in buckets]
    lines = [
        r"\begin{table}",
        r"  \centering",
        f"  \\caption{{{_caption(table)} {test}.}}",
        f"  \\label{{tab:{re.sub(r'[^A-Za-z0-9_]', '-', table.metric)}}}",
        f"  \\begin{{tabular}}{{l{'r' * len(heads)}}}",
        r"    \toprule",
        rf"    {' & '.join(['Filler', *heads])} \\",
        rf"    {' & '.join(['', *(f'$n={cases}$' for cases in buckets.values())])} \\",
        r"    \midrule",
        *(rf"    {row} \\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _head(bucket: str) -> str:
    return _escaped(bucket) if head(bucket) == bucket else _escaped(bucket).replace("-", "--") + r"\,\%"


def _cell(table: Table, cell: Cell, cases: int) -> str:
    number = _escaped(table.shown(cell.number)) if cell.number is None else f"${table.shown(cell.number)}$"
    if cell.infinite:
        number = r"{\boldmath$\infty$}" if cell.best else r"$\infty$"
    elif cell.best:
        number = rf"\textbf{{{table.shown(cell.number)}}}"
    return " ".join(filter(None, [number + r"\,$\sim$" * cell.tied, cell.size(cases)]))


def _caption(table: Table) -> str:
    what = f"{_escaped(table.metric)}{f' in {_escaped(table.unit)}' if table.unit else ''} by hole ratio"
    if table.better == "neither":
        return f"{what}; neither way is better."
    marks = r"Bold: the best; $\sim$: within noise of it (paired 95\,\% bootstrap)."
    return f"{what}, {table.better} is better. {marks}"
