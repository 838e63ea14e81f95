from inlay.data.skipped import SkippedSample, SkippedSamples

BROKEN = SkippedSample("train", "a", "picture", "a.jpg", "damaged")


def test_news_are_told_once():
    problems = SkippedSamples()
    problems.add([BROKEN, BROKEN._replace(id="b")])
    problems.add([BROKEN])
    assert problems.news() == [BROKEN, BROKEN._replace(id="b")]
    assert problems.news() == []


def test_the_same_picture_is_no_news_later_whatever_the_reason():
    problems = SkippedSamples()
    problems.add([BROKEN])
    problems.news()
    problems.add([BROKEN, BROKEN._replace(reason="damaged otherwise")])
    assert problems.news() == []


def test_other_files_splits_and_kinds_are_news():
    others = [BROKEN._replace(file="a.png"), BROKEN._replace(split="val"), BROKEN._replace(what="mask")]
    problems = SkippedSamples()
    problems.add([BROKEN, *others])
    assert problems.news() == [BROKEN, *others]
