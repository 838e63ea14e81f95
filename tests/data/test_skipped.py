from inlay.data.skipped import SkippedSample, SkippedSamples

BROKEN = SkippedSample("train", "a", "picture", "a.jpg", "damaged")


def test_samples_are_handed_out_once_and_not_noted_again():
    skipped = SkippedSamples()
    others = [BROKEN._replace(file="a.png"), BROKEN._replace(split="val"), BROKEN._replace(what="mask")]
    skipped.add([BROKEN, *others])
    skipped.add([BROKEN])
    assert skipped.drain() == [BROKEN, *others]
    skipped.add([BROKEN, BROKEN._replace(reason="damaged otherwise")])
    assert skipped.drain() == []
