"""What the machine says of memory."""

import mmap
import sys
from pathlib import Path

import numpy as np
import pytest

from errtax.lm.machine import memory_in_use, resident_memory

SIZE = 50_000_000


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells mapped pages from others")
def test_pages_of_a_mapped_file_are_not_in_use(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a" * SIZE)
    own, all_pages = memory_in_use(), resident_memory()
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert mapped.find(b"b") < 0  # all of it was read
        assert resident_memory() - all_pages > 0.8 * SIZE
        assert abs(memory_in_use() - own) < 0.2 * SIZE
    held = np.ones(SIZE, np.uint8)
    assert memory_in_use() - own > 0.8 * held.nbytes
