"""The rules of glibc's malloc, by hand-made sequences."""

from itertools import pairwise

import pytest

import aitrain_nb as ai
from aitrain_nb.costs.allocating import Heap, taken

MIB = 2**20


def test_a_large_block_is_mapped_and_goes_back_at_once_and_raises_the_threshold():
    heap = Heap()
    heap.allocate((0,), MIB)
    assert MIB < heap.size < MIB + 3 * 4096
    heap.free((0,))
    assert heap.size == 0
    heap.allocate((1,), MIB - 1000)
    heap.free((1,))
    assert heap.size > MIB - 1000, "the heap now, which keeps up to twice the threshold"
    assert heap.peak == heap.size


def test_blocks_of_more_than_32_mib_are_always_mapped():
    heap = Heap()
    for number in range(3):
        heap.allocate((number,), 40 * MIB)
        heap.free((number,))
    assert heap.size == 0
    assert heap.peak < 41 * MIB


def test_free_neighbours_are_joined_and_the_end_goes_back():
    heap = Heap(8 * MIB)
    for number in range(6):
        heap.allocate((number,), 4 * MIB, aligned=False)
    whole = heap.size
    for number in range(6):
        heap.free((number,))
    assert whole > 24 * MIB
    assert heap.size < MIB, "more than twice the threshold was free at its end"
    assert heap.peak == whole


def test_the_hole_between_two_blocks_is_too_small_for_the_next_of_its_size():
    """An aligned block takes 96 bytes more while it is cut out: with its neighbours in use its hole doesn't have them."""
    heap = Heap(8 * MIB)
    for number in range(3):
        heap.allocate((number,), MIB)
        heap.allocate((number, 0), 24, aligned=False)
    before = heap.size
    heap.free((1,))
    heap.allocate((3,), MIB)
    assert heap.size > before
    heap.allocate((4,), MIB - 256)
    assert heap.size < before + MIB + MIB // 2, "what is a little smaller does fit"


def test_no_block_lies_in_another():
    heap, blocks = Heap(), {}
    for number in range(400):
        name, size = (number,), 1 + 7919 * number * number % 300_000
        heap.allocate(name, size, aligned=bool(number % 3))
        blocks[name] = size
        if number % 2:
            heap.free(gone := (7 * number % number,) if (7 * number % number,) in blocks else name)
            del blocks[gone]
    spans = sorted(heap._used[name] for name in blocks if heap._used[name][0] >= 0)
    assert all(one + length <= other for (one, length), (other, _) in pairwise(spans))
    assert heap.size >= sum(blocks.values())


@pytest.mark.parametrize("fields", [{"data": "digits", "model": "small-cnn"}, {"data": "tickets"}])
def test_a_process_takes_no_less_than_its_tensors(fields):
    estimated = ai.estimate(**fields, batch_size=16)
    setup = estimated.setup
    lasting = [weight.nbytes for weight in setup.trained for _ in range(2)]
    assert taken(setup.step, 16, lasting) + setup.weights_bytes >= estimated.peak_bytes - setup.kept_bytes
