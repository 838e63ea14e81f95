import re

import pytest
from markdown_it import MarkdownIt

from inlay.buckets import ALL
from inlay.errors import InlayError
from inlay.evaluation import tables
from inlay.evaluation.latex import latex
from inlay.evaluation.markdown import many, markdown
from inlay.evaluation.results import LeftOut, MetricInfo, ProbeInfo, Value
from tests.evaluation.examples import MODEL, results


def markdown_rows(text, metric):
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    table = next(part for part in section if part.startswith(metric))
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def latex_rows(text, metric):
    table = next(part for part in text.split(r"\begin{table}") if rf"\label{{tab:{metric}}}" in part)
    body = table.split(r"\toprule")[1].split(r"\bottomrule")[0].replace(r"\midrule", "")
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", row)] for row in body.split(r"\\")[:-1]]


def test_numbers_are_rounded_and_the_best_and_what_is_within_noise_of_it_are_marked():
    text = markdown(results())
    head, _, mean, telea, model = markdown_rows(text, r"psnr\_hole")
    assert head == ["filler", "10-20 % (n=2)", "40-50 % (n=2)", "all (n=4)"]
    assert mean == ["mean", "18.00", "15.50", "16.50"]
    assert telea == ["telea", "**24.13**", "17.25", "19.10"]
    assert model[1:] == ["24.05 ~", "**20.00**", "**21.30**"]
    *_, mean, telea, model = markdown_rows(text, r"l1\_hole")  # less is better
    assert (mean[1:], telea[1:]) == (["0.0512", "0.0900", "0.0700"], ["**0.0234**", "0.0800", "0.0500"])
    assert model[1:] == ["0.0241 ~", "**0.0612**", "**0.0400**"]
    assert "**" not in str(markdown_rows(text, "tv"))  # no way is better
    assert markdown_rows(text, "fid")[-1][1:] == ["**54.32**", "**154.32**", "**104.32**"]
    heads = re.findall(r"^## (.+)", text, re.MULTILINE)
    assert heads == [r"psnr\_hole ↑ (dB)", r"l1\_hole ↓", "tv", "fid ↓", "Left out: 1 metric, 1 picture"]
    assert latex(results()).count(r"\begin{table}") == 4


def test_a_set_of_another_size_says_so_and_is_no_contest(given):
    given["metrics"]["fid_n1"] = MetricInfo(better="lower", unit="", about="")
    given["values"]["telea"]["10-20"]["fid_n1"] = given["values"]["telea"]["10-20"].pop("fid_n2")
    _, _, mean, telea, _ = markdown_rows(markdown(given), "fid")
    assert (mean[1], telea[1], mean[2]) == ("123.46", "98.76 (n=1)", "223.46")


@pytest.mark.parametrize(
    ("largest", "shown"),
    [(0.5, "0.5000"), (0.012, "0.0120"), (0.0012345, "0.00123"), (5.12e-4, "0.000512"), (31.7, "31.70"), (0, "0.0000")],
)
def test_digits_fit_the_smallest_bucket(largest, shown, given):
    for filler in given["values"].values():
        for bucket in ("40-50", ALL):
            filler[bucket]["l1_hole"] = Value(value=0.5 if largest < 10 else 40.0, low=None, high=None)
        filler["10-20"]["l1_hole"] = Value(value=largest, low=None, high=None)
    assert markdown_rows(markdown(given), r"l1\_hole")[2][1].strip("*") == shown


def test_no_zero_has_a_sign_and_what_has_no_value_is_a_dash(given):
    table = tables.by_metric(given)[0]
    signed = [table.shown(number, sign=True) for number in (-0.001, -1.006)]
    assert (table.metric, table.shown(-0.001), signed) == ("psnr_hole", "0.00", ["+0.00", "-1.01"])
    assert table.shown(None) == "\N{EN DASH}"
    del given["values"]["mean"]["40-50"]["psnr_hole"]  # does not apply
    *_, mean, telea, model = markdown_rows(markdown(given), r"psnr\_hole")
    assert (mean[2], telea[1], model[2]) == ("\N{EN DASH}", "**24.13**", "**20.00**")


@pytest.mark.stranger("17.A.11")
def test_the_psnr_of_a_perfect_fill_is_infinite_and_the_best(given):
    given["values"]["mean"]["10-20"]["psnr_hole"] = Value(value=None, low=None, high=None)
    *_, mean, telea, _ = markdown_rows(markdown(given), r"psnr\_hole")
    assert (mean[1], telea[1]) == ("**\N{INFINITY}**", "24.13")
    assert r"{\boldmath$\infty$}" in latex(given)


def test_a_filler_alone_is_not_called_the_best_and_equally_good_ones_are_both_the_best(given):
    given["values"]["mean"]["10-20"]["psnr_hole"]["value"] = 24.126
    *_, mean, telea, model = markdown_rows(markdown(given), r"psnr\_hole")
    assert (mean[1], telea[1], model[1]) == ("**24.13**", "**24.13**", "24.05 ~")
    given["fillers"] = {"telea": "1"}
    assert "| telea | 24.13 |" in markdown(given)


def test_markdown_says_which_test_it_is_and_what_was_left_out(given):
    given["pictures_left_out"] = [LeftOut(id=f"dog{i}.jpg", hole="h", reason="no object.") for i in range(23)]
    page = MarkdownIt().enable("table").render(markdown(given))
    for said in (
        "<h1>Evaluation on pconv_buckets</h1>",
        "hash: 0123456789abcdef",
        "samples: fedcba9876543210",
        "pictures: 2, cases (a picture with a hole): 4",
        f"filler {MODEL}: sha256 0123456789abcdef",
        f"options of {MODEL}: strategy=whole",
        "probe lpips: version 1, weights=sha256:0123",
        "metric left out: lpips: weights/vgg.pth is missing.",
        "Left out: 1 metric, 23 pictures",
        "dog19.jpg, hole h: no object.",
        "and 3 more pictures left out",
    ):
        assert said in page
    assert "dog20.jpg" not in page


def test_markdown_shows_names_as_they_are(given):
    name = "a|b *c* _d_ `e` [f](g) <h> \\i #j ~k~\nl"
    given["fillers"] = {name: "1"}
    given["values"][name] = given["values"]["mean"]
    given["protocol"]["about"] = "<script>"
    page = MarkdownIt().enable("table").render(markdown(given))
    shown = "a|b *c* _d_ `e` [f](g) &lt;h&gt; \\i #j ~k~ l"
    assert page.count(f'<td style="text-align:left">{shown}</td>') == 4
    assert "<p>&lt;script&gt;</p>" in page


def test_latex_has_the_numbers_and_the_marks():
    head, cases, mean, telea, model = latex_rows(latex(results()), "psnr_hole")
    assert head == ["Filler", r"10--20\,\%", r"40--50\,\%", "all"]
    assert cases == ["", "$n=2$", "$n=2$", "$n=4$"]
    assert mean == ["mean", "$18.00$", "$15.50$", "$16.50$"]
    assert telea == ["telea", r"\textbf{24.13}", "$17.25$", "$19.10$"]
    assert model[0] == r"model:runs/u\_net\textbar{}50\%/best.ckpt"
    assert model[1:] == [r"$24.05$\,$\sim$", r"\textbf{20.00}", r"\textbf{21.30}"]


def test_latex_is_balanced_escaped_and_says_which_test_it_is(given):
    name = '\\a{b}_c & d%e $f #g ~h ^i <j> |k "l"\nm'
    given["fillers"] = {name: "50 % of\nit"}
    given["values"][name] = given["values"]["mean"]
    text = latex(given)
    assert (
        r"\textbackslash{}a\{b\}\_c \& d\%e \$f \#g \textasciitilde{}h \textasciicircum{}i \textless{}j\textgreater{} "
        "\\textbar{}k {''}l{''} m & "
    ) in text
    code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    bare = re.sub(r"\\[\\{}&%$#_,]", "", code)
    assert bare.count("{") == bare.count("}")
    assert bare.count("$") % 2 == 0
    assert not set("%#") & set(bare)
    assert re.search(r"_(?!hole\})", bare) is None  # labels alone keep it
    assert re.findall(r"\\(?:begin|end)\{(\w+)\}", code) == ["table", "tabular", "tabular", "table"] * 4
    assert code.count(r"Protocol pconv\_buckets, hash \texttt{0123456789abcdef}.}") == 4
    told = "% samples: fedcba9876543210", "% metric left out: lpips", "% picture left out: dog_1.jpg", ": 50 % of it"
    assert all(said in text for said in told)
    rows = [line for line in code.splitlines() if line.endswith(r" \\")]
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {3}


def test_folders_of_one_test_share_a_section_without_marks_and_each_counts_once(given):
    other = results()
    other["fillers"] = {"mean": "inlay 0.2.0", "biharmonic": "scikit-image"}
    other["options"] = dict.fromkeys(other["fillers"], "strategy=tile")
    other["values"] = {"mean": other["values"]["mean"], "biharmonic": other["values"]["telea"]}
    other["metrics_left_out"] = {}
    text = many([("runs/a", given), ("runs/b", other)])
    assert given == results(), "nothing of it is changed"
    with pytest.raises(InlayError, match=r"got twice: a\. Give each one once"):
        many([("a", results()), ("b", results()), ("a", results())])
    assert text.startswith("All results come from one test")
    rows = markdown_rows(text, r"psnr\_hole")
    names = ["mean (runs/a)", "telea", r"model:runs/u\_net\|50%/best.ckpt", "mean (runs/b)", "biharmonic"]
    assert [row[0] for row in rows[2:]] == names
    assert rows[3][1:] == rows[6][1:] == ["24.13", "17.25", "19.10"]
    assert "**" not in text
    assert "lpips (runs/a)" in text
    assert "filler mean (runs/b): inlay 0.2.0" in text
    assert "options of mean (runs/b): strategy=tile" in text


@pytest.mark.parametrize("differs", ["hash", "samples", "version"])
def test_folders_of_different_tests_are_kept_apart_and_said_to_be(differs, given):
    if differs == "version":
        given["probes"]["lpips"] = ProbeInfo(version=2, settings={})
    else:
        given["protocol"][differs] = "ffff"
    text = many([("a", results()), ("b", given), ("c", results())])
    assert re.match(r"\*\*These results come from 2 different tests.*must not be compared across sections", text)
    assert re.findall(r"^# .*", text, flags=re.MULTILINE) == [r"# pconv\_buckets: a, c", r"# pconv\_buckets: b"]
    together, alone = text.split(r"# pconv\_buckets: b")
    assert "| telea (c) |" in together
    assert "| telea |" in alone
