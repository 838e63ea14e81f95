import numpy as np
import pytest

from inlay.randomness import RngStream, generator


def draws(seed=0, stream=RngStream.AUGMENT, epoch=0, index=0, count=4):
    return generator(seed, stream, epoch, index).bit_generator.random_raw(count)


def test_draws_of_an_address_move_neither_those_of_another_nor_numpys_own():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second = generator(0, RngStream.ORDER, 0, 1), generator(0, RngStream.ORDER, 0, 2)
    first.random(100)
    assert np.array_equal(second.random(4), generator(0, RngStream.ORDER, 0, 2).random(4))
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_draws_never_change():  # every mask and crop of an old run can be had again
    expected = [15006895541814098849, 8621491643349826089]
    assert draws(1, RngStream.EVAL_MASK, 2, 3, count=2).tolist() == expected


def test_each_part_of_the_address_counts_and_none_stands_in_for_another():
    addresses = [(0, 0, 0, 0), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1), (1, 1, 0, 0), (0, 0, 1, 1)]
    raw = np.concatenate([draws(s, RngStream(t), e, i) for s, t, e, i in addresses])
    assert len(np.unique(raw)) == len(raw)


@pytest.mark.parametrize("part", ["index", "epoch"])
def test_neighbors_do_not_overlap(part):
    raw = np.concatenate([draws(**{part: position}, count=4096) for position in range(8)])
    assert len(np.unique(raw)) == len(raw)


def test_neighbors_are_not_correlated():
    first = np.array([generator(0, RngStream.AUGMENT, 0, index).random() for index in range(2000)])
    assert abs(np.corrcoef(first[1:], first[:-1])[0, 1]) < 0.06
    assert abs(first.mean() - 0.5) < 0.03


@pytest.mark.parametrize("part", ["seed", "epoch", "index"])
def test_large_numbers_are_told_apart(part):
    large = [0, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]
    assert len({draws(**{part: number})[0] for number in large}) == len(large)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seed_out_of_range_is_refused(seed):
    with pytest.raises(OverflowError):
        generator(seed, RngStream.ORDER)


def test_numbers_of_the_streams_are_fixed():
    names = "ORDER AUGMENT TRAIN_MASK EVAL_MASK GENERATE REPLACEMENT LATENT EVAL_ORDER DROPOUT EVAL_PICTURES BOOTSTRAP"
    assert {stream.name: stream.value for stream in RngStream} == {
        name: number for number, name in enumerate(f"{names} EVAL_SAMPLES WINDOWS REGION".split())
    }
