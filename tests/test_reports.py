"""Pictures, tables and pages: pure functions of a peel; untrusted text stays text."""

import json
import webbrowser
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from errtax.cli.main import cli
from errtax.lm.errors import BadInput, UsageError
from errtax.lm.prediction_log import PredictionLog
from errtax.lm.text import Unit, text_of_bytes
from errtax.oracle.evidence import collect_evidence
from errtax.oracle.text_view import TextView
from errtax.reports.bars import bars_figure, difference_figure
from errtax.reports.excerpts import worst_errors
from errtax.reports.figure import save_figure, svg_of
from errtax.reports.markdown import report_markdown
from errtax.reports.page import comparison_page, report_page
from errtax.reports.pie import pie_figure
from errtax.reports.results import results_of
from errtax.reports.tables import comparison_table, excerpt_table, summary_table
from errtax.reports.terminal import table_lines
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.peel import Peel, peel_log
from errtax.taxonomy.peel_file import write_peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.signature import sign
from errtax.taxonomy.summary import summarise

NASTY = "</script><img src=x onerror=alert(1)> <!-- ]]> &#x3c; \u2028 \u202e \x00 nasty words, nasty 'words' \r\n" * 6


def make_peel(text: str, seed: int = 1, model: str = "a <b>model</b>") -> Peel:
    codes = text_of_bytes(text.encode(), Unit.CHAR).codes
    p = np.random.default_rng(seed).uniform(0.0, 1.0, len(codes))
    log = PredictionLog("preds.parquet", Unit.CHAR, np.arange(len(codes)), codes, np.log(p), None, {"model": model})
    return peel_log(log, collect_evidence(TextView.of_log(log), None, None), Settings())


def page_of(peels: list[Peel]) -> str:
    return report_page(results_of(peels))


class Counter(HTMLParser):
    """Counts the elements of a page and keeps its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: dict[str, int] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] = self.tags.get(tag, 0) + 1
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def parse(page: str) -> Counter:
    counter = Counter()
    counter.feed(page)
    return counter


def test_untrusted_text_stays_text() -> None:
    nasty, tame = parse(page_of([make_peel(NASTY)])), parse(page_of([make_peel("x" * len(NASTY))]))
    assert "onerror" in nasty.text
    assert nasty.tags["script"] == tame.tags["script"] == 3
    assert nasty.tags.get("img", 0) == tame.tags.get("img", 0) == 0
    assert "\u202e" not in nasty.text and "‹U+202E›" in nasty.text
    assert "\x00" not in nasty.text


def test_page_makes_no_requests_and_has_a_policy() -> None:
    page = page_of([make_peel(NASTY), make_peel(NASTY, 2, "other")])
    assert "default-src 'none'" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    assert "worker-src blob:" in page and page.count("blob:") == page.count("worker-src blob:")


def test_same_input_gives_the_same_bytes() -> None:
    assert page_of([make_peel(NASTY)]) == page_of([make_peel(NASTY)])
    summaries = [summarise(make_peel(NASTY))]
    assert svg_of(pie_figure(summaries)) == svg_of(pie_figure(summaries))


def test_page_holds_every_count_of_the_summary() -> None:
    peel = make_peel(NASTY)
    text = parse(page_of([peel])).text
    for layer in summarise(peel).layers:
        for part in layer.slices:
            assert f"{part.count:,}" in text and part.name in text


def test_comparison_page_and_tables() -> None:
    first, second = make_peel(NASTY), make_peel(NASTY, 2, "other")
    comparison = compare(first, second)
    text = parse(comparison_page([comparison], first.settings)).text
    assert comparison.finding() in text
    examples = excerpt_table(worst_errors(first, 5))
    tables = (comparison_table(comparison), summary_table(summarise(first)), examples)
    printed = "\n".join(line.plain for table in tables for line in table_lines(table, 200))
    assert f"{comparison.saved:+,}" in printed and "punctuation" in printed


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_pictures_are_written(tmp_path: Path, suffix: str) -> None:
    first, second = make_peel(NASTY), make_peel(NASTY, 2)
    summaries = [summarise(first), summarise(second)]
    for k, figure in enumerate(
        (pie_figure(summaries), bars_figure(summaries), difference_figure([compare(first, second)]))
    ):
        path = tmp_path / f"{k}{suffix}"
        save_figure(figure, path)
        assert path.read_bytes()[:5] in (b"\x89PNG\r", b"<?xml", b"%PDF-")


def test_pie_names_every_slice_with_errors() -> None:
    summary = summarise(make_peel(NASTY))
    picture = svg_of(pie_figure([summary])).decode()
    for layer in summary.layers:
        for part in layer.slices:
            assert (part.name in picture) == (part.count > 0)


def test_no_errors_at_all() -> None:
    codes = text_of_bytes(b"abc", Unit.CHAR).codes
    log = PredictionLog("p", Unit.CHAR, np.arange(3), codes, np.log(np.full(3, 0.9)))
    peel = peel_log(log, collect_evidence(TextView.of_log(log), None, None), Settings())
    assert summarise(peel).errors == 0
    assert "makes no error" in page_of([peel])


def test_the_report_in_markdown_shows_names_as_they_are() -> None:
    peels = [make_peel(NASTY, 1, "a <b>|model|*"), make_peel(NASTY, 2, "other")]
    made = report_markdown(results_of(peels))
    assert "a \\<b\\>\\|model\\|\\*" in made and "<b>" not in made.replace("\\<b\\>", "")
    rows = [line for line in made.splitlines() if line.startswith("| ")]
    assert len({line.replace("\\|", "").count("|") for line in rows[:6]}) == 1
    for layer in summarise(peels[0]).layers:
        assert f"| {layer.count:,} |" in made
    saved = compare(peels[0], peels[1]).saved
    assert f"{abs(saved):,} errors apart" in made and f" {saved:+,} |" in made


def test_the_report_command_writes_all_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for k in (1, 2):
        write_peel(Path(f"{k}.parquet"), signed(make_peel(NASTY, k, f"model {k}")))
    run = CliRunner().invoke(
        cli, ["report", "1.parquet", "2.parquet", "--figures", "figures", "--markdown", "r.md", "--json"]
    )
    assert run.exit_code == 0, run.output
    written = json.loads(run.stdout)["written"]
    figures = {f"figures/{name}.{ending}" for name in ("pie", "bars", "difference") for ending in ("svg", "png", "pdf")}
    assert {*written} == {"report.html", "r.md", *figures}
    assert all(Path(name).stat().st_size for name in written)
    again = CliRunner().invoke(cli, ["report", "1.parquet", "--figures", "figures", "-o", "r2.html"])
    assert isinstance(again.exception, UsageError) and not Path("r2.html").exists()
    write_peel(Path("3.parquet"), signed(make_peel("another text " * 30)))
    different = CliRunner().invoke(cli, ["report", "1.parquet", "3.parquet", "-o", "r3.html"])
    assert isinstance(different.exception, BadInput) and "different texts" in str(different.exception)
    assert not Path("r3.html").exists()


@pytest.mark.parametrize("output", [["-o", "x.png"], ["-o", "x.SVG"], ["--markdown", "x.pdf"]])
def test_a_page_is_not_written_as_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write_peel(Path("1.parquet"), signed(make_peel(NASTY)))
    run = CliRunner().invoke(cli, ["report", "1.parquet", *output])
    assert isinstance(run.exception, UsageError) and f"{output[1]}: this option writes text" in str(run.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["1.parquet"]


def test_the_page_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_peel(Path("1.parquet"), signed(make_peel(NASTY)))
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    run = CliRunner().invoke(cli, ["report", "1.parquet", "--open"])
    assert run.exit_code == 0, run.output
    assert opened == [(tmp_path / "report.html").resolve().as_uri()]
    assert "No browser was found; open report.html in one." in run.stderr
    assert "No browser" not in CliRunner().invoke(cli, ["report", "1.parquet", "--force"]).stderr
    assert len(opened) == 1


def signed(peel: Peel) -> Peel:
    return replace(peel, signature=sign(peel))
