"""The pure parts of the page's script in an embedded V8: what it computes, without a browser."""

import base64
import gzip
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from errtax.reports.document import asset
from errtax.reports.page_data import page_data
from errtax.taxonomy.peel import Peel
from errtax.taxonomy.settings import Settings
from errtax.taxonomy.units import BLOCKS, Units

PURE = ("text.js", "peel.js", "intervals.js", "resample.js")
_KINDS = {1: "Uint8Array", 2: "Uint16Array", 4: "Uint32Array"}
_BEGIN = """
const asArrays = (columns) => Object.fromEntries(Object.entries(columns).map(
  ([name, [kind, values]]) => [name, new globalThis[kind](values)]));
let data, text, source, models;
function begin(given, columns) {
  const raw = asArrays(columns);
  data = given;
  text = readText(data, raw);
  source = { columns: text.columns, scales: data.scales };
  models = data.models.map((model, k) => readModel(model, k, raw));
}
function peeled(settings) { return models.map((model) => peel(model, data.layers, settings, source)); }
function summed(settings) {
  return peeled(settings).map((found, k) => {
    const players = playersOf(found.order, data.layers), free = orderFree(found, players);
    const named = (l) => found.order[l];
    const layers = [...found.order, "rest"].map((name, l) => {
      const layer = data.layers.find((each) => each.name === name);
      const names = layer ? sliceNames(layer, settings) : ["rest"];
      return [name, names, [...found.counts[l].slice(0, names.length)], [...found.bits[l].slice(0, names.length)],
        total([...found.counts[l]]), [...found.endless[l].slice(0, names.length)]];
    });
    const shares = Object.fromEntries(players.map((l) => [named(l), free.shares.get(l)]));
    const overlaps = free.overlaps.map(([members, count]) => [members.map(named), count]);
    return { layers, shares, overlaps, errors: found.errors, positions: found.positions };
  });
}
function sumsOf(settings) {
  const layers = settings.layers.map((name) => data.layers.find((each) => each.name === name));
  const sizes = [...layers.map((layer) => sliceNames(layer, settings).length), 1];
  return peeled(settings).map((found, k) =>
    unitSums(models[k], found, playersOf(found.order, data.layers), data.units, sizes));
}
const resampled = (settings, how) => peelIntervals(sumsOf(settings)[0], how);
function paired(settings, how) {
  const [was, now] = peeled(settings), { fixed, kept, fresh } = pairErrors(was, now), sums = sumsOf(settings);
  const counts = [fixed, kept, fresh].map((each) => each.map((list) => [...list]));
  return { counts, ...pairIntervals(...sums, how) };
}
"""


class Embedded:
    """A page's data in the page's own functions."""

    def __init__(self, peels: Sequence[Peel] = (), units: Units = BLOCKS) -> None:
        racer = pytest.importorskip("py_mini_racer", reason="mini-racer is not installed")
        self.context = racer.MiniRacer()
        self.context.eval("\n".join([*(asset(name) for name in PURE), _BEGIN]))
        if not peels:
            return
        self.data = page_data(peels, units)
        columns = {}
        for name, (size, packed) in self.data.pop("columns").items():
            values = np.frombuffer(gzip.decompress(base64.b64decode(packed)), f"<u{size}")
            columns[name] = [_KINDS[size], values.tolist()]
        self.call("begin", self.data, columns)

    def call(self, name: str, *arguments: Any) -> Any:
        """What a function of the script returns, as JSON has it."""
        given = ",".join(json.dumps(each) for each in arguments)
        return json.loads(self.context.eval(f"JSON.stringify({name}({given}) ?? null)"))


def script_settings(settings: Settings) -> dict[str, Any]:
    """Settings of the library as the script has them."""
    own = {f"own-{rule.name}": list(rule.limits) for rule in settings.custom if rule.limits}
    parameters = {name: list(v) if isinstance(v, tuple) else v for name, v in settings.parameters.items()}
    return {"layers": list(settings.layers), "threshold": settings.criterion.threshold, **parameters, **own}
