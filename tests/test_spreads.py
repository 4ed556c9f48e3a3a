"""How a tensor's numbers are spread, against numpy and by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from aitrain_nb.spreads import BINS, as_array, most_telling, spread


def test_known_numbers():
    one = spread("a", [[1.0, 0.0], [math.nan, 4.0]])
    assert (one.shape, one.size, one.zeros, one.lost, one.low, one.high) == ((2, 2), 4, 1, 1, 0.0, 4.0)
    assert one.mean == pytest.approx(5 / 3)
    assert one.deviation == pytest.approx(np.std([0, 1, 4]))
    assert [place for place, count in enumerate(one.counts) if count] == [0, BINS // 4, BINS - 1]


@given(of_numpy.arrays(np.float64, of_numpy.array_shapes(min_dims=0, max_dims=3, min_side=0), elements=st.floats()))
def test_every_tensor_can_be_measured(values):
    one = spread("a", values)
    finite = values[np.isfinite(values)]
    assert one.size == values.size
    assert one.lost == values.size - finite.size
    assert one.zeros == int((values == 0).sum())
    assert sum(one.counts) in {0, finite.size}
    assert len(one.edges) in {0, len(one.counts) + 1}
    if finite.size:
        assert (one.low, one.high) == (finite.min(), finite.max())


@pytest.mark.parametrize(
    "dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64, torch.int64, torch.bool]
)
def test_every_precision_is_taken(dtype):
    tensor = torch.tensor([0, 1, 1, 0]).to(dtype)
    assert as_array(tensor.clone()).tolist() == [0, 1, 1, 0]
    assert spread("a", tensor).zeros == 2


def test_a_weight_with_a_gradient_a_sparse_and_a_complex_tensor_are_taken():
    assert spread("a", torch.nn.Parameter(torch.ones(3))).is_constant
    assert spread("a", torch.eye(3).to_sparse()).zeros == 6
    assert spread("a", torch.tensor([3 + 4j])).low == 5
    assert spread("a", np.array([3 + 4j])).low == 5


@pytest.mark.parametrize("value", [0.0, 3.0, -2e-30, torch.tensor(5.0)])
def test_a_constant_is_one_column(value):
    one = spread("a", value)
    assert one.is_constant
    assert list(one.counts) == [1]
    assert one.edges[0] < one.low < one.edges[1]
    assert one.in_one_bin == 0


def test_the_broken_and_the_largest_are_the_most_telling():
    found = [spread(str(size), np.ones(size)) for size in (5, 1, 9, 3)] + [spread("broken", [math.inf])]
    assert [one.name for one in most_telling(found, 3)] == ["5", "9", "broken"]
    assert most_telling(found, 12) == found
