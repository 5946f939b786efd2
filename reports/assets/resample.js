"use strict";
// Intervals and tests by resampling units, with the draws of errtax.taxonomy.philox: the same numbers for a seed.

const EXACT_UNITS = 14; // where at most so many units differ, all flips of their signs are made
const ROUNDING = 1e-9;
const DRAWS = 0, SIGNS = 1; // the streams of the generator

function mulHigh(a, b) { // the high half of the product of two words of 32 bits
  const ah = a >>> 16, al = a & 0xffff, bh = b >>> 16, bl = b & 0xffff;
  const low = ah * bl + ((al * bl) >>> 16), middle = al * bh + (low & 0xffff);
  return (ah * bh + (low >>> 16) + (middle >>> 16)) >>> 0;
}

// Philox 4x32-10 (Salmon et al. 2011, section 3.3): four words of a counter (c0, c1, c2, 0) under a key into `words`.
function philox(c0, c1, c2, k0, k1, words) {
  let c3 = 0;
  for (let round = 0; round < 10; round++) {
    const h0 = mulHigh(0xd2511f53, c0), l0 = Math.imul(0xd2511f53, c0);
    const h1 = mulHigh(0xcd9e8d57, c2), l1 = Math.imul(0xcd9e8d57, c2);
    c0 = h1 ^ c1 ^ k0; c1 = l1; c2 = h0 ^ c3 ^ k1; c3 = l0;
    k0 = (k0 + 0x9e3779b9) | 0; k1 = (k1 + 0xbb67ae85) | 0;
  }
  words[0] = c0; words[1] = c1; words[2] = c2; words[3] = c3; // kept as words without a sign
}

// (replicates x units): how often each unit is drawn.  Draw i takes the unit (word i * units) div 2^32.
function countDraws(replicates, units, seed) {
  const drawn = new Uint16Array(replicates * units), words = new Uint32Array(4), high = Math.floor(seed / 4294967296);
  for (let r = 0; r < replicates; r++) {
    for (let i = 0; i < units; i += 4) {
      philox(i >> 2, r, DRAWS, seed >>> 0, high, words);
      for (let k = 0; k < 4 && i + k < units; k++) drawn[r * units + Math.floor((words[k] * units) / 4294967296)]++;
    }
  }
  return drawn;
}

// (replicates x units / 8): bit b mod 8 of a byte is the sign of unit b, set for 1 and else -1: bit b mod 32 of word
// b div 32 of a replicate.
function tossSigns(replicates, units, seed) {
  const groups = Math.ceil(units / 8), signs = new Uint8Array(replicates * groups), words = new Uint32Array(4);
  const high = Math.floor(seed / 4294967296);
  for (let r = 0; r < replicates; r++) {
    for (let g = 0; g < groups; g++) {
      if (g % 16 === 0) philox(g >> 4, r, SIGNS, seed >>> 0, high, words);
      signs[r * groups + g] = (words[(g % 16) >> 2] >>> (8 * (g & 3))) & 255;
    }
  }
  return signs;
}

const weightsKnown = new Map(); // of the number of units: they do not depend on what is summed

function weightsOf(kind, replicates, units, seed) {
  const key = `${kind} ${replicates} ${units} ${seed}`;
  if (!weightsKnown.has(key)) {
    if (weightsKnown.size > 3) weightsKnown.clear();
    weightsKnown.set(key, (kind === "flip" ? tossSigns : countDraws)(replicates, units, seed));
  }
  return weightsKnown.get(key);
}

// (replicates x quantities): the weighted sums of a table (units x quantities).
function weightedSums(weights, replicates, table, units, Q) {
  const found = new Float64Array(replicates * Q), row = new Float64Array(Q);
  for (let r = 0; r < replicates; r++) {
    row.fill(0);
    for (let u = 0; u < units; u++) {
      const weight = weights[r * units + u], base = u * Q;
      if (weight) for (let q = 0; q < Q; q++) row[q] += weight * table[base + q];
    }
    found.set(row, r * Q);
  }
  return found;
}

// The quantile of sorted numbers, between its neighbours as numpy has it.
function quantile(sorted, part) {
  const at = part * (sorted.length - 1), low = Math.floor(at), t = at - low;
  const a = sorted[low], b = sorted[Math.min(low + 1, sorted.length - 1)];
  return t >= 0.5 ? b - (b - a) * (1 - t) : a + (b - a) * t;
}

function endsOf(values) {
  if (!values.length || !values.every(Number.isFinite)) return null;
  const sorted = Float64Array.from(values).sort();
  return [quantile(sorted, LOW), quantile(sorted, HIGH)];
}

const columnSum = (sums, r, Q, columns) => {
  let value = 0;
  for (const q of columns) value += sums[r * Q + q];
  return value;
};

// What some columns sum to in each unit.
function byUnit(table, units, Q, columns, scale = 1) {
  const found = new Float64Array(units);
  for (let u = 0; u < units; u++) found[u] = columnSum(table, u, Q, columns) / scale;
  return found;
}

// The ends of intervals, null where there is none.  `wanted`: each the sum of some columns of the table, over `scale`,
// divided by that of the column `per`, and times a number.  `kind`: `part` of it, `bits` of which an error costs
// `least`, a `difference` in which it is so much, or a `quotient` of differences.
function intervals({ table, units, Q, wanted, replicates, seed }) {
  if (units < 2) return wanted.map(() => null);
  const positions = byUnit(table, units, Q, [POSITIONS]);
  let sums = null;
  return wanted.map(({ columns, per, scale = 1, kind, least = 1, times = 1 }) => {
    const part = byUnit(table, units, Q, columns, scale), whole = byUnit(table, units, Q, [per]);
    let ends = null;
    if (kind === "quotient" && !sumOf(whole)) return null;
    if (isFew(kind, part, whole, positions)) {
      if (kind === "quotient") ends = quotientEnds(part, whole);
      else if (kind === "difference") ends = differenceEnds(part, whole, least);
      else ends = ratioEnds(part, whole, least, kind === "part");
    } else {
      sums ??= weightedSums(weightsOf("draw", replicates, units, seed), replicates, table, units, Q);
      const values = [];
      for (let r = 0; r < replicates; r++) {
        const divisor = sums[r * Q + per];
        if (kind !== "quotient" || divisor) values.push(columnSum(sums, r, Q, columns) / scale / (divisor || 1e-300));
      }
      ends = endsOf(values);
    }
    return ends && ends.map((end) => end * times);
  });
}

const tooFew = (part, whole) => Math.min(occupied(part), effectiveUnits(whole) + 1e-6) < MANY;

function isFew(kind, part, whole, positions) {
  if (kind === "quotient") return tooFew(whole, positions);
  return tooFew(part, whole) || (kind === "part" && tooFew(whole.map((n, u) => n - part[u]), whole));
}

// The p of "either model might have made the other's errors", of each sum of columns; the table has differences.
function pValues({ table, units, Q, wanted, flips, seed }) {
  const parts = wanted.map(({ columns }) => byUnit(table, units, Q, columns));
  const found = parts.map((part) => (occupied(part) <= EXACT_UNITS ? exactP(part) : null));
  const open = parts.filter((_, k) => found[k] === null);
  const p = open.length ? flippedP(open, flips, weightsOf("flip", flips, units, seed)) : [];
  return found.map((value) => value ?? p.shift());
}

// All choices of signs.
function exactP(part) {
  let sums = [0];
  for (const value of part) if (value) sums = [...sums.map((sum) => sum - value), ...sums.map((sum) => sum + value)];
  const least = Math.abs(sumOf(part)) - ROUNDING * part.reduce((sum, value) => sum + Math.abs(value), 0);
  return sums.reduce((n, sum) => n + (Math.abs(sum) >= least), 0) / sums.length;
}

// Of several sums at once, with the signs of eight units looked up at a time.
function flippedP(parts, flips, signs) {
  const W = parts.length, units = parts[0].length, groups = Math.ceil(units / 8), sums = new Float64Array(flips * W);
  const known = new Float64Array(256 * W);
  for (let g = 0; g < groups; g++) {
    parts.forEach((part, w) => {
      for (let bits = 0; bits < 256; bits++) {
        let sum = 0;
        for (let b = 0; b < 8 && 8 * g + b < units; b++) sum += (bits >> b) & 1 ? part[8 * g + b] : -part[8 * g + b];
        known[bits * W + w] = sum;
      }
    });
    for (let r = 0; r < flips; r++) {
      const from = W * signs[r * groups + g], to = r * W;
      for (let w = 0; w < W; w++) sums[to + w] += known[from + w];
    }
  }
  return parts.map((part, w) => {
    const observed = Math.abs(sumOf(part));
    let reached = 0;
    for (let r = 0; r < flips; r++) reached += Math.abs(sums[r * W + w]) >= observed;
    return (1 + reached) / (1 + flips);
  });
}

// The values adjusted for testing all of them (Holm 1979).
function holm(values) {
  const order = values.map((_, k) => k).sort((a, b) => values[a] - values[b] || a - b), adjusted = [];
  let largest = 0;
  order.forEach((k, rank) => {
    largest = Math.max(largest, Math.min(1, values[k] * (values.length - rank)));
    adjusted[k] = largest;
  });
  return adjusted;
}

// --- what is asked of the sums of peels ------------------------------------------------------------------------------
//
// `sums`: of `unitSums`.  A key is `share/l/k` and `bits/l/k` of slice k of layer l, `share/l` and so on of the layer,
// `fair/l`, `unique/l`, `solo/l` of a player, `rate` of all errors, `bits` of all symbols.

const range = (from, size) => Array.from({ length: size }, (_, k) => from + k);

// [end of the key, columns of counts, columns of bits] of each layer, and of each slice; not of a rest that is empty.
function partsOf(sums, others = sums) {
  const held = (l) => l + 1 < sums.sizes.length || total([...sums.counts[l], ...others.counts[l]]) > 0;
  return sums.sizes.flatMap((size, l) => {
    if (!held(l)) return [];
    const [counts, bits] = [range(sums.places.counts[l], size), range(sums.places.bits[l], size)];
    return [[`${l}`, counts, bits], ...counts.map((q, k) => [`${l}/${k}`, [q], [bits[k]]])];
  });
}

// What an error costs in the mean: of some columns of bits and counts, else of all.
function bitsOfOne({ table, units, Q }, bits = [], counts = []) {
  const whole = (columns) => sumOf(byUnit(table, units, Q, columns));
  const spent = whole(bits), number = whole(counts);
  if (spent && number) return spent / number;
  const wrong = whole([BITS]) - whole([CORRECT]), errors = whole([ERRORS]);
  return wrong > 0 && errors ? wrong / errors : 1;
}

// The ends of the intervals of a peel, by key.
function peelIntervals(sums, { replicates, seed }) {
  const keys = [], wanted = [], ask = (key, each) => { keys.push(key); wanted.push(each); };
  ask("rate", { columns: [ERRORS], per: POSITIONS, kind: "part" });
  ask("bits", { columns: [BITS], per: POSITIONS, kind: "bits", least: bitsOfOne(sums) });
  for (const [end, counts, bits] of partsOf(sums)) {
    ask(`share/${end}`, { columns: counts, per: ERRORS, kind: "part" });
    ask(`bits/${end}`, { columns: bits, per: POSITIONS, kind: "bits", least: bitsOfOne(sums, bits, counts) });
    ask(`rate/${end}`, { columns: counts, per: POSITIONS, kind: "part" });
  }
  for (const [l, q] of sums.places.players) {
    ask(`fair/${l}`, { columns: [q], per: ERRORS, kind: "part", scale: FAIR });
    ask(`unique/${l}`, { columns: [q + 1], per: ERRORS, kind: "part" });
    ask(`solo/${l}`, { columns: [q + 2], per: ERRORS, kind: "part" });
  }
  const found = intervals({ ...sums, wanted, replicates, seed });
  return Object.fromEntries(keys.map((key, k) => [key, found[k]]));
}

// Whether symbols of infinite surprisal are among the errors of a layer or slice, of which no flip says anything.
function isEndless(key, ...all) {
  const [, l, k] = key.split("/");
  return all.some(({ endless }) => (l in endless) && total(k === undefined ? [...endless[l]] : [endless[l][k]]) > 0);
}

// What `after` saves against `before`: by key `net`, `share` and `bits` of all and of parts, and `bits/correct`: the
// ends of the interval, p, and p adjusted for all layers, or all slices.
function pairIntervals(before, after, { replicates, flips, seed }) {
  const table = before.table.map((value, i) => value - after.table[i]);
  for (let i = POSITIONS; i < table.length; i += before.Q) table[i] = after.table[i]; // to divide by
  const given = { table, units: before.units, Q: before.Q, seed };
  const times = sumOf(byUnit(table, given.units, given.Q, [POSITIONS])), least = bitsOfOne(before);
  const parts = [["", [ERRORS], [BITS]]], kind = "difference";
  for (const [end, counts, bits] of partsOf(before, after)) parts.push([`/${end}`, counts, bits]);
  const shares = parts.map(([end, counts]) => [`share${end}`, { columns: counts, per: ERRORS, kind: "quotient" }]);
  const tested = parts.flatMap(([end, counts, bits]) => [
    [`net${end}`, { columns: counts, per: POSITIONS, kind, times }],
    [`bits${end}`, { columns: bits, per: POSITIONS, kind, least }],
  ]);
  tested.push(["bits/correct", { columns: [CORRECT], per: POSITIONS, kind, least }]);
  const asked = [...tested, ...shares], wanted = asked.map(([, each]) => each);
  const ends = intervals({ ...given, wanted, replicates });
  const p = pValues({ ...given, wanted: tested.map(([, each]) => each), flips });
  const found = Object.fromEntries(asked.map(([key], k) => [key, { ends: ends[k], p: p[k] }]));
  const [low, high] = found.net.ends ?? [0, 0];
  if (low <= 0 && high >= 0) for (const [key] of shares) found[key].ends = null; // a part of what may be nothing
  for (const what of ["net", "bits"]) {
    for (const depth of [2, 3]) { // layers, then slices
      const family = Object.keys(found).filter((key) => key.startsWith(`${what}/`) && key.split("/").length === depth
        && !(what === "bits" && isEndless(key, before, after)));
      holm(family.map((key) => found[key].p)).forEach((value, k) => { found[family[k]].adjusted = value; });
    }
    found[what].adjusted = found[what].p;
  }
  return found;
}
