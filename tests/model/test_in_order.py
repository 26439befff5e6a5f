import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from dva.model.in_order import in_order


def test_results_come_in_the_order_of_their_jobs_however_long_each_takes():
    later = threading.Event()

    def slow_first(item: int) -> int:
        if item == 0:
            assert later.wait(10)  # the next item is done before the first one
        later.set()
        return item * item

    assert list(in_order((partial(slow_first, i) for i in range(20)), workers=2)) == [i * i for i in range(20)]


def test_no_more_jobs_are_drawn_than_may_wait():
    drawn: list[int] = []

    def jobs() -> Iterator[Callable[[], str]]:
        for i in range(100):
            drawn.append(i)
            yield partial(str, i)

    results = in_order(jobs(), workers=2)
    for taken in range(10):
        assert next(results) == str(taken)
        assert len(drawn) == taken + 3
    results.close()


def test_an_error_comes_in_the_place_of_its_result():
    def picky(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    results = in_order((partial(picky, i) for i in range(10)), workers=2)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)


def test_who_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    results = in_order((partial(str, i) for i in range(100)), workers=2)
    next(results)
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before
