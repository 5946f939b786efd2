"""The page of `errtax cells`: which cell tracks what, and the best of them on the text itself.

One file without scripts and requests, as `errtax.reports.page`; names and text pass through `html.escape`.
"""

from html import escape

from errtax.oracle.features import Feature, FeatureKind
from errtax.oracle.text_kind import Reading
from errtax.reports.document import TEXT, asset, document, table
from errtax.reports.studies.coloured_text import coloured, legend, text_style
from errtax.taxonomy.studies.cells import SHOWN_FROM, CellStudy, Panel
from errtax.taxonomy.studies.tracking import BINS, Found, Tracking

_SHOWN_IN_TABLE = 3


def cells_page(study: CellStudy) -> str:
    """The page on a model's cells, as HTML."""
    title = f"Cells of {study.model}"
    body = [
        f"<main><h1>{escape(title)}</h1>",
        f"<p>{escape(finding(study.tracking))}</p>",
        "<h2>What is tracked</h2>",
        _table(study.tracking),
        f"<p>{escape(left_out(study.tracking))}</p>",
        "<h2>On the text</h2>",
        _introduction(study),
        *(_panel(panel, study) for panel in study.panels),
        _definitions(study),
        f'<h2>Signature</h2><p class="s">{escape(study.signature)}</p></main>',
    ]
    return document(title, body, study.to_json(), asset("base.css") + text_style())


def finding(tracking: Tracking) -> str:
    """The best tracked feature in a sentence, and how many of the others are tracked."""
    scored = [f for f, item in enumerate(tracking.features) if item.name not in tracking.unscored]
    count = f"{sum(tracking.hidden):,} cells on {tracking.positions:,} symbols"
    if not scored:
        return f"{count}: no feature varies in this text, so none can be scored."
    best = {f: tracking.best(f, 1)[0] for f in scored}
    top = max(scored, key=lambda f: best[f].score)
    tracked = sum(found.score >= SHOWN_FROM for found in best.values())
    return (
        f"{count}. Best tracked is {tracking.features[top].name}, by cell {best[top].cell} with a score of "
        f"{best[top].score:.2f}; {tracked} of {len(scored)} features have a cell that scores {SHOWN_FROM} or more."
    )


def describe(found: Found) -> str:
    """The scores of a cell for a feature, for example `score 0.83, r −0.81, accuracy 0.93`."""
    accuracy = "" if found.accuracy is None else f", accuracy {found.accuracy:.2f}"
    return f"score {found.score:.2f}, r {found.r:.2f}{accuracy}".replace("-", "−")


def amount(tracking: Tracking, f: int) -> str:
    """How frequent a binary feature is, or the mean of a number."""
    mean = float(tracking.mean[f])
    return f"{100 * mean:.2f} %" if tracking.features[f].kind is FeatureKind.BINARY else f"mean {mean:.2f}"


def _table(tracking: Tracking) -> str:
    rows = []
    for f, feature in enumerate(tracking.features):
        for k, found in enumerate(tracking.best(f, _SHOWN_IN_TABLE)):
            name, often = (escape(feature.name), amount(tracking, f)) if k == 0 else ("", "")
            accuracy = "" if found.accuracy is None else f"{found.accuracy:.3f}"
            numbers = (often, str(found.cell), f"{found.score:.3f}", f"{found.r:.3f}".replace("-", "−"), accuracy)
            cells = "".join(f"<td>{value}</td>" for value in numbers)
            first = ' class="layer"' if k == 0 else ""
            rows.append(f"<tr{first}><td{TEXT}>{name}</td>{cells}</tr>")
    return table(("feature", "frequency", "cell", "score", "r", "accuracy"), rows) if rows else ""


def left_out(tracking: Tracking) -> str:
    """Which features are not scored and why, for example `Not scored: brackets, if (never occurs).`; else empty."""
    reasons = dict.fromkeys(tracking.unscored.values())
    groups = {reason: [name for name, why in tracking.unscored.items() if why == reason] for reason in reasons}
    said = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in groups.items())
    return f"Not scored: {said}." if said else ""


def _introduction(study: CellStudy) -> str:
    chosen = f"The cells shown are those asked for, else the best of each feature with a score of {SHOWN_FROM} or more"
    meaning = f"The colour is {study.value} after each symbol; symbols with +0.1 or more are underlined."
    none = "" if study.panels else " – here there is none"
    return f"<p>{escape(f'{chosen}{none}. {meaning}')}</p>{legend()}"


def _panel(panel: Panel, study: CellStudy) -> str:
    tracks = "".join(f"<br>{escape(feature.name)}: {escape(describe(found))}" for feature, found in panel.tracks)
    end = panel.start + len(panel.codes) - 1
    place = f"positions {panel.start:,} to {end:,}"
    head = f"<h3>layer {panel.cell.layer}, unit {panel.cell.unit} ({panel.cell})</h3><p>{place}{tracks}</p>"
    return head + coloured(panel.codes, study.unit, panel.values)


def _definitions(study: CellStudy) -> str:
    items = "".join(_definition(feature) for feature in study.tracking.features)
    resets = (
        "Read as code: brackets in comments and strings do not count, and a } at the beginning of a line closes all."
        if study.reading is Reading.CODE
        else "Read as prose: a blank line closes all brackets, and there are no comments and no strings."
    )
    return (
        "<h2>Definitions</h2><p>A cell is layer:unit, both counted from 1. Each row of the text is cut in the middle. "
        f"On the first halves the mean of the feature is taken for each of {BINS} equal ranges of the cell's value; "
        "the <b>score</b> is the correlation of that prediction with the feature on the second halves, so a cell that "
        "tracks nothing has about 0 and a perfect one 1. <b>r</b> is the correlation with the value itself there; its "
        "sign is the direction. <b>Accuracy</b> is the mean of the hit rates inside and outside, by the threshold that "
        "is best on the first halves; guessing has 0.5. The value of a feature is that after the symbol, so the "
        f"opening quotation mark is inside and the closing one is not. {escape(resets)} After Karpathy, Johnson &amp; "
        f"Fei-Fei (2015), section 4.2.</p><ul>{items}</ul>"
    )


def _definition(feature: Feature) -> str:
    return f"<li><b>{escape(feature.name)}</b>: {escape(feature.rule)}.</li>"
