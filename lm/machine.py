"""What the machine has to give: memory."""

import os
import sys
from pathlib import Path


def free_memory() -> int:
    """Bytes that this process could still use: what is available, and not more than its control group allows."""
    available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 << 30
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        fields = dict(line.split(":", 1) for line in meminfo.read_text(encoding="ascii").splitlines())
        available = int(fields["MemAvailable"].split()[0]) * 1024
    limit, used = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")
    if limit.exists() and used.exists() and (allowed := limit.read_text(encoding="ascii").strip()) != "max":
        available = min(available, max(int(allowed) - int(used.read_text(encoding="ascii")), 0))
    return available


def peak_memory() -> int:
    """The most bytes of memory that this process has held so far; where nobody counts them, what it holds now."""
    status = Path("/proc/self/status")
    if status.exists():  # not ru_maxrss: that begins with what the parent held
        fields = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines() if ":" in line)
        if "VmHWM" in fields:
            return int(fields["VmHWM"].split()[0]) * 1024
    return resident_memory()


def resident_memory() -> int:
    """Bytes of memory that this process holds now, pages of mapped files among them."""
    return sum(_resident())


def memory_in_use() -> int:
    """The same without pages of mapped files, such as a text that was read: the system takes them back at will."""
    return _resident()[0]


def _resident() -> tuple[int, int]:
    """Bytes of its own, and of mapped files; elsewhere than on Linux all are taken for the first."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        _, resident, mapped = map(int, statm.read_text(encoding="ascii").split()[:3])
        page = os.sysconf("SC_PAGE_SIZE")
        return (resident - mapped) * page, mapped * page
    import resource  # noqa: PLC0415  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return (peak if sys.platform == "darwin" else peak * 1024), 0
