"use strict";
// Peels: which rows are errors, which layer takes each, and the sums of it; pure functions over typed arrays.
//
// A layer is a list of clauses.  A clause knows a kind of evidence: a flag (a code among some values), a number with
// limits, or what the probability of the symbol lacks.  No layer is known by its name; `taxonomy/layers` says the same.
//
// `source`: `columns`, one entry per row each, by name; `scales`, what the codes of a column stand for, by name.

const FAIR = 12252240; // units of a shared error: the least common multiple of 1 to 18
const MOST_BITS = 1048576; // above it, a surprisal counts as infinite
const short = (value) => String(+value.toPrecision(12));

// --- settings --------------------------------------------------------------------------------------------------------

// The values of a list below its last one keep their places.
const ladder = (values, most) => [...values.filter((value) => value < most), most];

function limitsOf(clause, settings) {
  const value = settings[clause.limits];
  if (clause.counts) return Array.from({ length: value }, (_, k) => k + 1);
  return Array.isArray(value) ? value : [value];
}

function sliceNames(layer, settings) {
  return layer.clauses.flatMap((clause) => (clause.limits && clause.name.includes("{}")
    ? limitsOf(clause, settings).map((limit) => clause.name.replace("{}", short(limit))) : [clause.name]));
}

// --- slices ----------------------------------------------------------------------------------------------------------

// The slice of each code of a column, counted from `first`; -1: no claim.
function sliceTable(clause, first, size, scale, settings) {
  const table = new Int8Array(size).fill(-1);
  if (!clause.limits) {
    for (const value of clause.values ?? []) if (value < size) table[value] = first;
    return table;
  }
  const limits = limitsOf(clause, settings), several = clause.name.includes("{}");
  for (let code = 0; code < size; code++) {
    if (scale && code >= scale.length) break;
    const value = scale ? scale[code] : code;
    if (value > limits[limits.length - 1]) break; // codes ascend
    if (value >= (clause.least ?? 0)) table[code] = first + (several ? limits.findIndex((limit) => limit >= value) : 0);
  }
  return table;
}

// The slice of each of some rows in a layer that does not ask for probabilities.
function slicesOfRows(layer, rows, source, settings) {
  const slices = new Int8Array(rows.length).fill(-1);
  let first = 0;
  for (const clause of layer.clauses) {
    const column = source.columns[clause.column], scale = source.scales[clause.column];
    const table = sliceTable(clause, first, column.BYTES_PER_ELEMENT > 1 ? 65536 : 256, scale, settings);
    const [one, two] = (clause.at_least ?? []).map(([name, least]) =>
      [source.columns[name], typeof least === "string" ? settings[least] : least]);
    for (let i = 0; i < rows.length; i++) {
      const r = rows[i], slice = table[column[r]];
      if (slice < 0 || slices[i] >= 0 || (one && one[0][r] < one[1]) || (two && two[0][r] < two[1])) continue;
      slices[i] = slice;
    }
    first += sliceNames({ clauses: [clause] }, settings).length;
  }
  return slices;
}

// The slice of each level of probability in a layer of what is lacking.
function slicesOfLevels(layer, levels, settings) {
  const limits = limitsOf(layer.clauses[0], settings), threshold = settings.threshold || 0.5;
  return Int8Array.from(levels, (p) => (p === null ? -1 : limits.findIndex((limit) => p + limit >= threshold)));
}

// What the slices of a layer depend on: its own thresholds.
function dependsOn(layer, settings) {
  const names = layer.clauses.flatMap((clause) => [clause.limits, ...(clause.at_least ?? []).map((pair) => pair[1])]);
  return JSON.stringify(names.filter((name) => typeof name === "string").map((name) => settings[name] ?? null));
}

// --- models ----------------------------------------------------------------------------------------------------------

// A model as the page's document says it, with its columns; `guess[r]`: 1 + the place of its best symbol in `guesses`,
// 0 where that is the correct one, or nothing is known.
function readModel(said, k, raw) {
  const model = { ...said, level: raw[`level${k}`], part: raw[`part${k}`], rank: raw[`rank${k}`] ?? null };
  const guesses = raw[`guess${k}`]; // of rows with p <= guess_limit
  if (!guesses) return { ...model, guess: null };
  const unsure = model.levels.map((p) => p !== null && p <= model.guess_limit);
  model.guess = new guesses.constructor(model.level.length);
  for (let r = 0, g = 0; r < model.level.length; r++) if (unsure[model.level[r]]) model.guess[r] = guesses[g++];
  return model;
}

// Bits of a row: its level's fewest, and a part of what it has at most.
function bitsTables(model) {
  const step = model.levels.map((_, k) => (model.most[k] - model.least[k]) / 255);
  return { least: Float64Array.from(model.least), step: Float64Array.from(step) };
}

function errorRows(model, threshold) {
  const { level, levels, guess } = model, n = level.length, rows = new Uint32Array(n);
  const wrong = Uint8Array.from(levels, (p) => (p === null ? 0 : threshold === null || p < threshold ? 1 : 0));
  let k = 0;
  for (let r = 0; r < n; r++) if (wrong[level[r]] && (threshold !== null || guess[r] !== 0)) rows[k++] = r;
  return rows.slice(0, k);
}

function predictedRows(model) {
  const known = model.levels.map((p) => p !== null);
  let positions = 0;
  for (let r = 0; r < model.level.length; r++) positions += known[model.level[r]];
  return positions;
}

// --- the peel --------------------------------------------------------------------------------------------------------

// The errors of a model by layer and slice, and by the set of layers that claim them.  `layers`: all of them;
// `settings.layers`: the names of the chosen ones in their order.  What was found is kept in `model.known`.
//
// `rows`: the errors; of the i-th, `layer[i]` is the place of its layer in the order, behind all others that of the
// rest; `slice[i]`; `claims[i]`, a bit per place.  `counts[l][k]`, `bits[l][k]`, `endless[l]`: of each slice.
function peel(model, layers, settings, source) {
  const known = (model.known ??= new Map()), order = settings.layers;
  const keep = (name, key, make) => {
    if (known.get(name)?.key !== key) known.set(name, { key, value: make() });
    return known.get(name).value;
  };
  const rows = keep("", String(settings.threshold), () => errorRows(model, settings.threshold));
  const byLayer = order.map((name) => {
    const layer = layers.find((each) => each.name === name);
    if (!layer.clauses[0].column) return { levels: slicesOfLevels(layer, model.levels, settings) };
    const key = settings.threshold + dependsOn(layer, settings);
    return { rows: keep(`of ${name}`, key, () => slicesOfRows(layer, rows, source, settings)) };
  });
  const found = takeErrors(model, rows, byLayer);
  const positions = keep("positions", "", () => predictedRows(model));
  return { order, rows, ...found, errors: rows.length, positions };
}

function takeErrors(model, rows, byLayer) {
  const L = byLayer.length, layer = new Int8Array(rows.length).fill(L), slice = new Int8Array(rows.length);
  const claims = new Uint32Array(rows.length), level = model.level;
  for (let l = L - 1; l >= 0; l--) { // the first in the order has the last word
    const bit = 1 << l, { levels, rows: slices } = byLayer[l];
    for (let i = 0; i < rows.length; i++) {
      const k = levels ? levels[level[rows[i]]] : slices[i];
      if (k < 0) continue;
      claims[i] |= bit;
      layer[i] = l;
      slice[i] = k;
    }
  }
  return { layer, slice, claims, ...sumErrors(model, rows, layer, slice, claims, L) };
}

function sumErrors(model, rows, layer, slice, claims, L) {
  const counts = Array.from({ length: L + 1 }, () => new Float64Array(128));
  const bits = Array.from({ length: L + 1 }, () => new Float64Array(128));
  const endless = Array.from({ length: L + 1 }, () => new Float64Array(128));
  const sets = new Uint32Array(1 << L), { least, step } = (model.tables ??= bitsTables(model));
  const { level, part } = model;
  for (let i = 0; i < rows.length; i++) {
    const r = rows[i], l = layer[i], k = slice[i], own = least[level[r]] + step[level[r]] * part[r];
    counts[l][k]++;
    sets[claims[i]]++;
    if (own > MOST_BITS) endless[l][k]++;
    else bits[l][k] += own;
  }
  return { counts, bits, endless, sets };
}

const total = (values) => values.reduce((a, b) => a + b, 0);

// --- shares in any order ---------------------------------------------------------------------------------------------

// The places in the order of the layers that share errors: not those that take what is left.
function playersOf(order, layers) {
  return order.map((_, l) => l).filter((l) => !layers.find((layer) => layer.name === order[l]).takes_rest);
}

// Of each player, Shapley's share and the least and the most that it takes in any order; errors by the set of claims.
function orderFree(found, players) {
  const mask = players.reduce((sum, l) => sum | (1 << l), 0), shares = new Map(), overlaps = new Map();
  for (const l of players) shares.set(l, { fair: 0, unique: 0, solo: 0 });
  found.sets.forEach((count, set) => {
    if (!count) return;
    const members = players.filter((l) => set & (1 << l));
    overlaps.set(set & mask, (overlaps.get(set & mask) || 0) + count);
    for (const l of members) {
      const share = shares.get(l);
      share.fair += count * Math.round(FAIR / members.length);
      share.solo += count;
      if (members.length === 1) share.unique += count;
    }
  });
  for (const share of shares.values()) share.fair /= FAIR;
  const sorted = [...overlaps].map(([set, count]) => [players.filter((l) => set & (1 << l)), count]);
  const names = (members) => String(members.map((l) => found.order[l]));
  return { shares, overlaps: sorted.sort((a, b) => b[1] - a[1] || (names(a[0]) < names(b[0]) ? -1 : 1)) };
}

// --- sums by unit, for resampling ------------------------------------------------------------------------------------

// Of each unit (`starts`: its first row), in columns: positions, errors, all bits, those of correct symbols; counts of
// each slice, then its bits; fair, unique and solo counts of each player.  `sizes`: slices of each layer, and of the
// rest.
const POSITIONS = 0, ERRORS = 1, BITS = 2, CORRECT = 3;

function unitSums(model, found, players, starts, sizes) {
  const places = { counts: [], bits: [], players: new Map() };
  let Q = 4;
  for (const size of sizes) {
    places.counts.push(Q);
    places.bits.push(Q + size);
    Q += 2 * size;
  }
  for (const l of players) { places.players.set(l, Q); Q += 3; }
  const table = new Float64Array(starts.length * Q);
  addUnits(model, starts, table, Q); // also makes the tables of bits
  const mask = players.reduce((sum, l) => sum | (1 << l), 0), { least, step } = model.tables, { level, part } = model;
  for (let i = 0, u = 0; i < found.rows.length; i++) {
    const r = found.rows[i];
    while (u + 1 < starts.length && starts[u + 1] <= r) u++;
    const base = u * Q, l = found.layer[i], k = found.slice[i], own = least[level[r]] + step[level[r]] * part[r];
    table[base + ERRORS]++;
    table[base + places.counts[l] + k]++;
    if (own <= MOST_BITS) {
      table[base + places.bits[l] + k] += own;
      table[base + CORRECT] -= own;
    }
    const set = found.claims[i] & mask;
    if (!set) continue;
    const members = countBits(set), share = Math.round(FAIR / members);
    for (const l of players) {
      if (!(set & (1 << l))) continue;
      const q = base + places.players.get(l);
      table[q] += share;
      table[q + 1] += members === 1;
      table[q + 2]++;
    }
  }
  return { table, Q, units: starts.length, sizes, places, counts: found.counts, endless: found.endless };
}

function countBits(set) {
  let bits = 0;
  for (; set; set &= set - 1) bits++;
  return bits;
}

// Positions and all bits of each unit, which no setting changes.
function addUnits(model, starts, table, Q) {
  const { level, levels, unit_bits } = model;
  model.tables ??= bitsTables(model);
  const known = Uint8Array.from(levels, (p) => (p === null ? 0 : 1));
  for (let u = 0; u < starts.length; u++) {
    const end = u + 1 < starts.length ? starts[u + 1] : level.length;
    let positions = 0;
    for (let r = starts[u]; r < end; r++) positions += known[level[r]];
    table[u * Q + POSITIONS] = positions;
    table[u * Q + BITS] = table[u * Q + CORRECT] = unit_bits[u];
  }
}

// --- two models ------------------------------------------------------------------------------------------------------

// What became of the errors of `was` in `now`: fixed, kept and new, of all and by layer and slice.  Fixed and kept ones
// count in the slice that they had, new ones in the one that they have.
function pairErrors(was, now) {
  const make = () => Array.from(was.counts, () => new Uint32Array(128));
  const fixed = make(), kept = make(), fresh = make();
  let i = 0, j = 0;
  while (i < was.rows.length || j < now.rows.length) {
    const a = i < was.rows.length ? was.rows[i] : Infinity, b = j < now.rows.length ? now.rows[j] : Infinity;
    if (b < a) { fresh[now.layer[j]][now.slice[j]]++; j++; continue; }
    if (a === b) { kept[was.layer[i]][was.slice[i]]++; j++; } else fixed[was.layer[i]][was.slice[i]]++;
    i++;
  }
  return { fixed, kept, fresh };
}

// The place of a row among the errors; -1 where it is none.
function findError(rows, row) {
  let low = 0, high = rows.length;
  while (low < high) { const middle = (low + high) >> 1; if (rows[middle] < row) low = middle + 1; else high = middle; }
  return rows[low] === row ? low : -1;
}
