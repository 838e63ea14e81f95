import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from skimage import data

from inlay.buckets import ALL
from inlay.evaluation.folder import EvalFolder
from inlay.evaluation.report import render, summary
from inlay.evaluation.results import LeftOut, MetricInfo
from inlay.images import Picture, write_picture
from tests.evaluation.examples import MODEL, results, rows, write_pictures

VOID = {"meta", "link", "br", "img", "input", "wbr", "hr"}


class Page(HTMLParser):
    """What is on a page; refuses tags that do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert tag in VOID or self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.text.append(data)

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def said(self):
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = EvalFolder(tmp_path_factory.mktemp("evaluation"))
    write_pictures(folder)
    return folder


@pytest.fixture(scope="module")
def page(folder):
    return render(results(), rows(), folder)


@pytest.fixture(scope="module")
def read(page):
    return Page(page)


def test_the_page_is_well_formed_the_same_each_time_and_named_for_those_who_do_not_see_it(page, read, folder):
    ids = [attributes["id"] for _, attributes in read.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"] for attributes in read.all("a")} <= {f"#{name}" for name in ids}
    assert {attributes.get("aria-labelledby", ids[0]) for _, attributes in read.tags} <= set(ids)
    assert render(results(), rows(), folder) == page
    levels = [int(tag[1]) for tag, _ in read.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(head.get("scope") in ("col", "row") for head in read.all("th"))
    assert {bool(picture["alt"]) for picture in read.all("img")} == {True}
    assert read.all("html")[0]["lang"] == "en"


def test_it_asks_for_nothing_outside(page, read):
    assert "://" not in page
    told = [each for _, attributes in read.tags for each in attributes.items()]
    sources = [value for key, value in told if key in ("src", "srcset", "data")]
    assert {source[:11] for source in sources} == {"data:image/"}
    assert all(value.startswith("#") for key, value in told if key in ("href", "xlink:href"))
    assert not re.search(r"@import|url\((?!#)", page)
    assert read.all("link") == []
    policy = next(meta["content"] for meta in read.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")


def test_everything_that_must_be_known_is_on_it(read):
    for text in (
        "Evaluation on pconv_buckets",
        "Six buckets of irregular holes, half of them off the border.",
        "0123456789abcdef",
        "fedcba9876543210",
        "2 pictures, 4 cases",
        '"masks": "bucketed", "seed": 7, "crop": 256',
        "Inlay 0.1.0, revision 7abf8cd",
        '"torch": "2.15.0"',
        "OpenCV 4.13.0",
        "lpips : weights/vgg.pth is missing.",
        "1 case dog_1.jpg, hole object_1: no object & no box.",
        "PSNR inside the holes. Higher is better.",
        "Roughness. Neither way is better.",
    ):
        assert text in read.said


def cells(page, metric, table=0):
    panel = page.split(f'<div class="panel" data-metric="{metric}"')[1]
    body = panel.split("<tbody>")[1 + table].split("</tbody>")[0]
    rows = [re.findall(r'<td class="([^"]*)"[^>]*>(.*?)</td>', row, re.DOTALL) for row in body.split("</tr>")[:-1]]
    strip = lambda html: " ".join(re.sub(r"<[^>]+>", " ", html.replace("\u00a0", " ")).split())  # noqa: E731
    return [[(kind, strip(text)) for kind, text in row] for row in rows]


def test_tables_show_values_intervals_marks_and_pairs(page):
    mean, telea, model = cells(page, "psnr_hole")
    assert mean[0] == ("", "18.00 [16.20, 19.80]")
    assert telea[0] == ("best", "24.13 [21.71, 26.54]")
    assert (model[0], model[2]) == (("tied", "24.05 ~ [21.65, 26.46]"), ("best all", "21.30 [19.17, 23.43]"))
    assert [row[2] for row in cells(page, "fid")] == [("all", "173.46"), ("all", "148.76"), ("best all", "104.32")]
    assert 'title="telea, 10-20 %: 24.13 dB, 95 % interval 21.71 to 26.54, best"' in page
    first, _, second = cells(page, "psnr_hole", table=1)
    assert first[0] == ("", "-6.12 [-9.18, -3.06]")  # mean - telea
    assert second[0] == ("noise", "+0.08 ~ [-0.08, +0.23]")  # telea - model
    assert "Pairs" not in re.search(r'data-metric="fid">(.*?)</section>', page, re.DOTALL)[1]


def test_without_scripts_every_table_is_there_and_with_them_the_leading_one_or_the_first(page, read, folder):
    panels = [attributes for attributes in read.all("div") if "data-metric" in attributes]
    assert [panel["data-metric"] for panel in panels] == ["psnr_hole", "l1_hole", "tv", "fid"]
    assert all("hidden" not in panel for panel in panels)
    assert all("hidden" in attributes for attributes in read.all("button") if attributes.get("id") == "theme")
    assert 'show("psnr_hole");' in page
    given = results()
    del given["metrics"]["psnr_hole"]
    assert 'show("l1_hole");' in render(given, rows(), folder)


@pytest.mark.stranger("A.4")
@pytest.mark.parametrize(
    ("bad", "shown", "raw"),
    [
        ("<script>alert(1)</script>\"'&", "<script>alert(1)", None),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>", None),
        ("a\x1b[31mb\x07c\u202ed", r"a\x1b[31mb\x07c\u202ed", "[\x1b\x07\u202e]"),
    ],
)
def test_whatever_is_named_badly_is_escaped(folder, bad, shown, raw, given):
    given["fillers"] = {bad: bad}
    given["values"][bad] = given["values"]["mean"]
    given["comparisons"] = []
    given["protocol"].update(name=bad, about=bad, hash=bad, samples=bad, recipe={bad: [bad]})
    given["metrics"][f"{bad}_n3"] = MetricInfo(better="lower", unit=bad, about="")
    given["metrics_left_out"] = {bad: bad}
    given["pictures_left_out"] = [LeftOut(id=bad, hole=bad, reason=bad)]
    given["provenance"] = [{"version": bad, "git": bad, bad: bad}]
    answers = [{**row, "filler": bad, "id": bad, "caption": bad} for row in rows() if row["filler"] == "mean"]
    page = render(given, answers, folder)
    read = Page(page)
    assert len(read.all("script")) == 1
    assert not any("onerror" in attributes for _, attributes in read.tags)
    assert read.said.count(shown) > 10
    assert raw is None or not re.search(raw, page)


@pytest.mark.stranger("17.A.11")
def test_a_perfect_fill_is_infinite_and_missing_pictures_are_shown_as_missing(tmp_path, given):
    given["values"]["mean"]["10-20"]["psnr_hole"].update(value=None, low=None, high=None)
    page = render(given, rows(), EvalFolder(tmp_path))
    assert 'title="mean, 10-20 %: \N{INFINITY} dB, best"' in page
    assert "<b>\N{INFINITY}</b>" in page
    read = Page(page)
    assert not [image for image in read.all("img") if "jpeg" in image["src"] or "png" in image["src"]]
    assert read.said.count("missing") == 5 * 9 + 1  # tiles of nine strips; the weights


def test_nothing_left_out_is_said_and_long_lists_are_cut(folder, given):
    given["metrics_left_out"], given["pictures_left_out"] = {}, []
    assert "every picture and every metric of the protocol" in Page(render(given, rows(), folder)).said
    given["pictures_left_out"] = [LeftOut(id=f"dog{i}", hole="h", reason="no object.") for i in range(23)]
    said = Page(render(given, rows(), folder)).said
    assert all(text in said for text in ("23 cases", "dog19,", "And 3 more"))
    assert "dog20," not in said


def test_a_page_of_six_fillers_stays_below_six_megabytes(tmp_path):
    folder, given = EvalFolder(tmp_path), results()
    names = [f"filler {i}" for i in range(6)]
    given["fillers"] = dict.fromkeys(names, "1")
    given["values"] = dict.fromkeys(names, given["values"]["mean"])
    given["comparisons"] = []
    photos = [data.astronaut()[:256, 100:356], data.coffee()[50:306, 100:356], data.chelsea()[20:276, 100:356]]
    answers = []
    for picture, photo in enumerate(photos):
        write_picture(folder.mask(picture, "h"), Picture(np.eye(256, dtype=np.uint8)[..., None] * 255))
        for path in (folder.original(picture), *(folder.filled(name, picture, "h") for name in names)):
            write_picture(path, Picture(np.ascontiguousarray(photo)))
        row = {**rows()[0], "picture": picture, "hole": "h", "mse_hole": 0.01 * (1 + picture)}
        answers += [row | {"filler": name} for name in names]
    page = render(given, answers, folder)
    assert len([image for image in Page(page).all("img") if "jpeg" in image["src"]]) == 6 * 3 * 8
    assert len(page) < 6e6


def test_the_summary_names_the_best_and_how_far_ahead_it_is_or_what_is_within_noise_of_it():
    assert summary(results()) == (
        f"{MODEL} is best inside the holes, with 21.30 dB PSNR over all 4 cases, beyond noise ahead of telea by "
        "2.20 dB (95 % interval 1.10 to 3.30) and of all others."
    )
    given = results()
    for comparison in given["comparisons"]:
        comparison["within_noise"] |= comparison["bucket"] == ALL and MODEL in (comparison["a"], comparison["b"])
    assert summary(given).endswith("over all 4 cases, but within noise of telea and mean.")


def test_the_summary_claims_nothing_that_is_not_known(given):
    given["comparisons"] = []
    assert "noise cannot be judged" in summary(given)
    given["values"]["mean"][ALL]["psnr_hole"]["value"] = None
    assert summary(given) == "mean restored the holes without any error over all 4 cases."
    given["values"] = {"telea": given["values"]["telea"]}
    assert summary(given) == "telea reaches 19.10 dB PSNR inside the holes over all 4 cases."
    del given["values"]["telea"][ALL]["psnr_hole"]
    assert summary(given) == "psnr_hole was not measured, so no filler is called the best."
