"""The outcome of a check for people and for machines: Markdown for a pull request, JUnit XML for a CI service."""

from collections.abc import Sequence
from xml.etree import ElementTree

from errtax.lm.visible import visible
from errtax.reports.markdown import plain_cell
from errtax.taxonomy.check import Verdict

MARKDOWN_START = "### errtax check: "
_SUITE = "errtax check "
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'  # ElementTree's would name the locale's encoding
JUNIT_START = f'{_DECLARATION}<testsuite name="{_SUITE}'
"""How these two begin: by it a file is known as the outcome of an earlier check."""


def check_markdown(verdicts: Sequence[Verdict], model: str) -> str:
    """A table of all limits."""
    broken = sum(verdict.broken for verdict in verdicts)
    head = f"{MARKDOWN_START}{plain_cell(model)}, {broken} of {len(verdicts)} limits broken"
    rows = ["| limit | value | baseline | change [95 %] | p | outcome |", "|---|---|---|---|---|---|"]
    return "\n".join([head, "", *rows, *(_row(verdict) for verdict in verdicts)]) + "\n"


def _row(verdict: Verdict) -> str:
    change = verdict.change
    shown = ""
    if change is not None:
        ends = "" if change.low is None or change.high is None else f" [{change.low:+.4g}, {change.high:+.4g}]"
        shown = f"{change.value:+.4g}{ends}"
    unit = f" {verdict.limit.unit}" if verdict.limit.unit else ""
    baseline = "" if verdict.baseline is None else f"{verdict.baseline:.6g}{unit}"
    p = "" if verdict.p is None else f"{verdict.p:.2g}"
    outcome = f"**{verdict.outcome}**" if verdict.broken else verdict.outcome
    cells = (f"`{verdict.limit.text}`", f"{verdict.value:.6g}{unit}", baseline, shown, p, outcome)
    return f"| {' | '.join(map(plain_cell, cells))} |"


def check_junit(verdicts: Sequence[Verdict], model: str) -> str:
    """A test suite with one case per limit; a broken one is a failure."""
    failures = str(sum(verdict.broken for verdict in verdicts))
    suite = ElementTree.Element(
        "testsuite", name=visible(f"{_SUITE}{model}"), tests=str(len(verdicts)), failures=failures
    )
    for verdict in verdicts:
        case = ElementTree.SubElement(suite, "testcase", classname="errtax.check", name=visible(verdict.limit.text))
        if verdict.broken:
            ElementTree.SubElement(case, "failure", message=visible(verdict.sentence))
    ElementTree.indent(suite)
    return _DECLARATION + ElementTree.tostring(suite, encoding="unicode") + "\n"
