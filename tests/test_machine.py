"""What the machine says of memory."""

import subprocess
import sys
from pathlib import Path

import pytest

SIZE = 50_000_000

# in a process of its own: one that has freed much takes no more of the system when it asks for memory again
LOOK = f"""
import mmap, sys
from pathlib import Path
import numpy as np
from errtax.lm.machine import memory_in_use, resident_memory

own, all_pages = memory_in_use(), resident_memory()
with Path(sys.argv[1]).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
    assert mapped.find(b"b") < 0  # all of it is read
    print(memory_in_use() - own, resident_memory() - all_pages)
held = np.ones({SIZE}, np.uint8)
print(memory_in_use() - own, resident_memory() - all_pages)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells mapped pages from others")
def test_pages_of_a_mapped_file_are_not_in_use(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a" * SIZE)
    done = subprocess.run([sys.executable, "-c", LOOK, path], capture_output=True, text=True, check=True)
    mapped, held = (list(map(int, line.split())) for line in done.stdout.splitlines())
    assert abs(mapped[0]) < 0.2 * SIZE
    assert mapped[1] > 0.8 * SIZE
    assert min(held) > 0.8 * SIZE
