"""A few jobs at a time in threads, their results in order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

R = TypeVar("R")
WORKERS = 2
"""Threads. On two cores a second one writes a quarter faster; each takes memory for its job."""


def in_order(jobs: Iterable[Callable[[], R]], workers: int = WORKERS) -> Iterator[R]:
    """Yield what each job returns, in the order of the jobs; at most `workers` + 1 of them are begun and not taken.

    For work that leaves Python's lock alone, as numpy, torch and libav do. Jobs are drawn in the caller's thread, so
    that they may read one open file. What a job raises is raised where its result would have come.
    """
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
