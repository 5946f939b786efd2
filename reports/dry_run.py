"""What a peel would take, in words."""

from errtax.reports.numbers import count
from errtax.taxonomy.dry_run import DryRun


def dry_run_lines(plan: DryRun) -> list[str]:
    """A line each for rows, memory, time and the output."""
    blocks, threads = _several(plan.blocks, "block"), _several(plan.threads, "thread")
    parts = f" in {_several(plan.parts, 'part')}" if plan.parts > 1 else ""
    return [
        f"rows    {count(plan.rows)} in {blocks}, on {threads}",
        f"memory  about {_size(plan.memory_bytes)}",
        f"time    about {_duration(plan.seconds)}",
        f"output  {plan.output}, about {_size(plan.output_bytes)}{parts}",
        _outcome(plan),
    ]


def _outcome(plan: DryRun) -> str:
    if plan.obstacle:
        return f"The peel would be refused: {plan.obstacle}"
    done = "would be replaced" if plan.replaces else "would be written"
    return f"{plan.output} {done}. Nothing is written now."


def _several(n: int, name: str) -> str:
    return f"{count(n)} {name}{'' if n == 1 else 's'}"


def _size(n: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if n >= unit:
            return f"{n / unit:.1f} {name}" if n < 10 * unit else f"{n / unit:.0f} {name}"
    return f"{n / 1e3:.0f} kB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{seconds / 3600:.1f} h"
