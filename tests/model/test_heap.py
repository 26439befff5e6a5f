"""Memory kept between evaluations: fewer page faults inside, everything given back afterwards."""

import platform
import sys
from pathlib import Path

import pytest
import torch

from dva.model.heap import kept_heap

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc", reason="only glibc has these settings"
)
BYTES = 2**26
PAGES = BYTES // 4096


def page_faults() -> int:
    """The kernel's own count for this process (proc(5), field 10)."""
    return int(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[7])


def resident() -> int:
    """Bytes of anonymous memory that the kernel holds for this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def faults_of_a_block() -> int:
    before = page_faults()
    torch.ones(BYTES, dtype=torch.uint8)  # NumPy would ask for huge pages
    return page_faults() - before


def faults_once_settled() -> int:
    """Of the tenth block: the first few may leave holes that are a few bytes too small for the next."""
    return [faults_of_a_block() for _ in range(10)][-1]


def test_blocks_take_the_pages_of_earlier_ones() -> None:
    with kept_heap():
        assert faults_once_settled() < PAGES / 50


def test_what_is_free_goes_back_at_the_end() -> None:
    before = resident()
    with kept_heap(), kept_heap():
        faults_once_settled()
        assert resident() > before + BYTES / 2
    assert resident() < before + BYTES / 4


def test_the_inner_of_two_users_leaves_it_kept() -> None:
    with kept_heap():
        with kept_heap():
            faults_once_settled()
        assert faults_of_a_block() < PAGES / 50


def test_an_error_inside_gives_the_memory_back() -> None:
    before = resident()
    with pytest.raises(ZeroDivisionError), kept_heap():
        faults_once_settled()
        raise ZeroDivisionError
    assert resident() < before + BYTES / 4
