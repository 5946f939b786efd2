"""What the page's script computes, in an embedded V8, against the library: counts, bits, shares, intervals, tests."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embedded import Embedded, script_settings
from errtax.lm.text import Unit
from errtax.taxonomy.attribution import players_of
from errtax.taxonomy.bootstrap import STANDARD, Resampling
from errtax.taxonomy.comparison import compare
from errtax.taxonomy.correction import holm
from errtax.taxonomy.intervals import difference_ends, percentiles, quotient_ends, ratio_ends
from errtax.taxonomy.layers.registry import REST
from errtax.taxonomy.philox import count_draws, fill_words, toss_signs
from errtax.taxonomy.repeel import repeel
from errtax.taxonomy.settings import Criterion, Settings
from errtax.taxonomy.statistics import Statistics, statistics
from pages import in_documents, make_peel, random_settings, story, token_peel


def due_sums(found: Statistics, settings: Settings) -> dict[str, Any]:
    """The same as the script's `summed`, of the library."""
    layers = {layer.name: layer for layer in found.layers}
    players = players_of(settings.layers)
    shares = {}
    for name in players:
        fair, unique, solo = (getattr(layers[name], what).value * found.errors for what in ("fair", "unique", "solo"))
        shares[name] = {"fair": fair, "unique": round(unique), "solo": round(solo)}
    rows = [
        (name, [part.name for part in layer.slices], [int(part.count.value) for part in layer.slices])
        for name, layer in layers.items()
    ]
    overlaps = sorted(([list(names), count] for names, count in found.overlaps.items()), key=str)
    return {
        "layers": rows,
        "shares": shares,
        "overlaps": overlaps,
        "errors": found.errors,
        "positions": found.positions,
    }


def assert_same(script: dict[str, Any], found: Statistics, settings: Settings) -> None:
    due = due_sums(found, settings)
    rows = [row for row in script["layers"] if row[0] != REST or row[4]]
    assert [(name, names, counts) for name, names, counts, *_ in rows] == due["layers"]
    assert (script["errors"], script["positions"]) == (due["errors"], due["positions"])
    assert sorted(script["overlaps"], key=str) == due["overlaps"]
    assert script["shares"].keys() == due["shares"].keys()
    for name, share in script["shares"].items():
        assert share == pytest.approx(due["shares"][name], rel=1e-12)
    for layer, (*_, bits, _, endless) in zip(found.layers, rows, strict=True):
        for part, own, infinite in zip(layer.slices, bits, endless, strict=True):
            assert (infinite > 0) == (part.bits.value == np.inf)
            if not infinite:  # bits are told to 1/255 of at most one bit
                most = part.count.value / 510 / max(found.positions, 1)
                assert own / max(found.positions, 1) == pytest.approx(part.bits.value, abs=most + 1e-12)


@pytest.mark.parametrize(
    ("kind", "parted", "n"),
    [
        ("byte", False, 60), ("char", False, 60), ("token", False, 30),
        ("byte", True, 25), ("char", True, 25), ("token", True, 20),
    ],
)  # fmt: skip
def test_every_view_has_the_numbers_of_the_library(own_oracles: None, kind: str, parted: bool, n: int) -> None:
    peel = token_peel() if kind == "token" else make_peel(Unit(kind), own=True)
    peel = in_documents(peel) if parted else peel
    script, rng = Embedded([peel]), random.Random(f"{kind} {parted}")
    for _ in range(n):
        settings = random_settings(rng, peel)
        due = statistics(repeel(peel, settings), replace(STANDARD, replicates=2))
        assert_same(script.call("summed", script_settings(settings))[0], due, settings)


# --- resampling ------------------------------------------------------------------------------------------------------


def test_draws_and_signs_are_those_of_the_library() -> None:
    script = Embedded()
    for seed, units in ((1, 5), (2**33 + 7, 130), (2**32 - 1, 257)):
        key = np.array([seed & 0xFFFFFFFF, seed >> 32], np.uint64)
        drawn, signs = np.empty((7, units)), np.empty((7, units))
        count_draws(0, key, drawn)
        toss_signs(0, key, signs)
        assert script.call("((...a) => [...countDraws(...a)])", 7, units, seed) == drawn.ravel().tolist()
        packed = np.packbits(signs > 0, axis=1, bitorder="little")
        groups = script.call("((...a) => [...tossSigns(...a)])", 7, units, seed)
        unpacked = np.unpackbits(np.array(groups, np.uint8).reshape(7, -1), axis=1, count=units, bitorder="little")
        assert np.array_equal(unpacked, np.unpackbits(packed, axis=1, count=units, bitorder="little"))
    words = np.empty(4, np.uint64)
    fill_words(np.array([0x243F6A88, 0x85A308D3, 0x13198A2E, 0], np.uint64), np.array([1, 2], np.uint64), words)
    made = "((...a) => { const words = new Uint32Array(4); philox(...a, words); return [...words]; })"
    assert script.call(made, 0x243F6A88, 0x85A308D3, 0x13198A2E, 1, 2) == words.tolist()


def test_ends_and_adjusted_values_are_those_of_the_library() -> None:
    script, rng = Embedded(), np.random.default_rng(1)
    for n in (2, 3, 41, 2000):
        values = rng.normal(size=n).round(2)
        assert tuple(script.call("endsOf", values.tolist())) == percentiles(values)
        p = rng.random(min(n, 50)).round(1).tolist()
        assert script.call("holm", p) == holm(p)


@pytest.mark.parametrize("units", [2, 3, 12, 60])
def test_intervals_of_few_units_are_those_of_the_library(units: int) -> None:
    script, rng = Embedded(), np.random.default_rng(units)
    for rarity in (0.02, 0.3, 2.0, 400.0):
        whole = rng.integers(0, 900, units).astype(float)
        part = np.minimum(rng.poisson(rarity, units), whole).astype(float)
        other = part - rng.poisson(rarity, units)
        for within in (True, False):
            for least in (1.0, 3.7):
                found = script.call("ratioEnds", part.tolist(), whole.tolist(), least, within)
                assert found == near(ratio_ends(part, whole, least, within))
        assert script.call("differenceEnds", other.tolist(), whole.tolist(), 2.5) == near(
            difference_ends(other, whole, 2.5)
        )
        assert script.call("quotientEnds", part.tolist(), other.tolist()) == near(quotient_ends(part, other))


def near(due: Any) -> Any:
    """What two ways of adding floats up agree on."""
    return None if due is None else pytest.approx(list(due), rel=1e-9, abs=1e-12)


def ends(interval: Any) -> Any:
    return near(None if interval is None or interval.low is None else interval[1:])


def drawn_as(how: Resampling) -> dict[str, int]:
    return {"replicates": how.replicates, "flips": how.flips, "seed": how.seed}


@pytest.mark.parametrize("parted", [False, True])
def test_intervals_are_those_of_the_library(own_oracles: None, parted: bool) -> None:
    peel = make_peel(Unit.BYTE, own=True)
    peel = in_documents(peel) if parted else peel
    first, rng = statistics(peel), random.Random(3)
    script = Embedded([peel], first.units)
    assert len(script.data["units"]) == first.blocks
    for k in range(4):
        settings = random_settings(rng, peel) if k else peel.settings
        how = replace(STANDARD, replicates=300, seed=k + 2**32)
        due = statistics(repeel(peel, settings), how)
        found = script.call("resampled", script_settings(settings), drawn_as(how))
        assert found["rate"] == ends(due.error_rate)
        layers = [layer for layer in due.layers if layer.name != REST]
        for layer, number in zip(layers, map(settings.layers.index, (layer.name for layer in layers)), strict=True):
            for key, part in [(f"{number}", layer), *((f"{number}/{i}", part) for i, part in enumerate(layer.slices))]:
                assert found[f"share/{key}"] == ends(part.share)
                told = part.bits.value * due.positions > part.count.value / 510  # else the page may have none at all
                if np.isfinite(part.bits.value) and told:
                    assert found[f"bits/{key}"] == pytest.approx(list(part.bits[1:]), abs=1 / 510)
            if layer.fair:
                assert found[f"fair/{number}"] == ends(layer.fair)
                assert found[f"unique/{number}"] == ends(layer.unique)
                assert found[f"solo/{number}"] == ends(layer.solo)


def test_bits_of_the_whole_text_are_exactly_those_of_the_library() -> None:
    """Of parts of it, each symbol's are told to 1/510 of a bit."""
    peels = [story(1), story(2)]
    script = Embedded(peels)
    for k in range(3):
        settings = peels[0].settings.changed(criterion=Criterion((0.3, 0.5, 0.8)[k]))
        how = replace(STANDARD, replicates=300, seed=7)
        given = script_settings(settings), drawn_as(how)
        due = [repeel(peel, settings) for peel in peels]
        found, pair = script.call("resampled", *given), script.call("paired", *given)
        assert found["bits"] == ends(statistics(due[0], how).bits)
        whole = compare(due[0], due[1], how).total.bits
        assert pair["bits"]["ends"] == ends(whole.saved)
        assert pair["bits"]["p"] == whole.p


def test_comparisons_are_those_of_the_library() -> None:
    peels = [make_peel(Unit.CHAR, seed) for seed in (1, 2)]
    peels[1] = replace(peels[1], log=replace(peels[1].log, logprobs=0.8 * peels[1].log.logprobs))
    script, rng = Embedded(peels), random.Random(4)
    for k in range(3):
        settings = random_settings(rng, peels[0]) if k else peels[0].settings
        how = replace(STANDARD, replicates=300, seed=5)
        due = compare(repeel(peels[0], settings), repeel(peels[1], settings), how)
        found = script.call("paired", script_settings(settings), drawn_as(how))
        fixed, kept, new = (np.array([sum(layer) for layer in each]) for each in found["counts"])
        for layer in due.layers:
            number = settings.layers.index(layer.name) if layer.name != REST else len(settings.layers)
            assert [fixed[number], kept[number], new[number]] == [layer.fixed, layer.kept, layer.new]
            if layer.name == REST:
                continue
            for key, part in [(f"{number}", layer), *((f"{number}/{i}", p) for i, p in enumerate(layer.slices))]:
                assert found[f"net/{key}"]["ends"] == ends(part.net)
                assert found[f"net/{key}"]["p"] == part.p
                assert found[f"share/{key}"]["ends"] == ends(part.share)
        assert found["net"]["p"] == due.total.p
        assert found["net"]["ends"] == ends(due.total.net)
        if REST not in [layer.name for layer in due.layers]:  # Holm's family are the layers that there are
            adjusted = [found[f"net/{number}"]["adjusted"] for number in range(len(settings.layers))]
            assert adjusted == [layer.adjusted for layer in due.layers]
