"use strict";
// Intervals and tests by resampling units, with the draws of errtax.taxonomy.philox: the same numbers for a seed.

const LEVEL = 0.95;
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

// (replicates x units): 1 where bit b mod 32 of word b div 32 of a replicate is set, else -1.
function tossSigns(replicates, units, seed) {
  const signs = new Int8Array(replicates * units), words = new Uint32Array(4), high = Math.floor(seed / 4294967296);
  for (let r = 0; r < replicates; r++) {
    for (let i = 0; i < units; i += 128) {
      philox(i >> 7, r, SIGNS, seed >>> 0, high, words);
      for (let b = i; b < Math.min(i + 128, units); b++) {
        signs[r * units + b] = (words[(b - i) >> 5] >>> (b & 31)) & 1 ? 1 : -1;
      }
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
  return [quantile(sorted, (1 - LEVEL) / 2), quantile(sorted, (1 + LEVEL) / 2)];
}

const columnSum = (sums, r, Q, columns) => {
  let value = 0;
  for (const q of columns) value += sums[r * Q + q];
  return value;
};

// The ends of intervals, null where there is none.  `wanted`: each the sum of some columns of the table, over `scale`,
// divided by that of the column `per`, if it has one; with `nonzero`, only where that is not 0.
function intervals({ table, units, Q, wanted, replicates, seed }) {
  if (units < 2) return wanted.map(() => null);
  const sums = weightedSums(weightsOf("draw", replicates, units, seed), replicates, table, units, Q);
  return wanted.map(({ columns, per = null, scale = 1, nonzero = false }) => {
    const values = [];
    for (let r = 0; r < replicates; r++) {
      const value = columnSum(sums, r, Q, columns) / scale, divisor = per === null ? 1 : sums[r * Q + per];
      if (!nonzero || divisor !== 0) values.push(value / (nonzero ? divisor : Math.max(divisor, 1e-300)));
    }
    return endsOf(values);
  });
}

// The p of "either model might have made the other's errors", of each sum of columns; the table has differences.
function pValues({ table, units, Q, wanted, replicates, seed }) {
  const sums = weightedSums(weightsOf("flip", replicates, units, seed), replicates, table, units, Q);
  const whole = weightedSums(new Int8Array(units).fill(1), 1, table, units, Q);
  return wanted.map(({ columns }) => {
    const observed = Math.abs(columnSum(whole, 0, Q, columns));
    let reached = 0;
    for (let r = 0; r < replicates; r++) reached += Math.abs(columnSum(sums, r, Q, columns)) >= observed;
    return (1 + reached) / (1 + replicates);
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

// The ends of the intervals of a peel, by key.
function peelIntervals(sums, { replicates, seed }) {
  const keys = ["rate", "bits"];
  const wanted = [{ columns: [ERRORS], per: POSITIONS }, { columns: [BITS], per: POSITIONS }];
  const ask = (key, columns, per, scale = 1) => { keys.push(key); wanted.push({ columns, per, scale }); };
  for (const [end, counts, bits] of partsOf(sums)) {
    ask(`share/${end}`, counts, ERRORS);
    ask(`bits/${end}`, bits, POSITIONS);
    ask(`rate/${end}`, counts, POSITIONS);
  }
  for (const [l, q] of sums.places.players) {
    ask(`fair/${l}`, [q], ERRORS, FAIR);
    ask(`unique/${l}`, [q + 1], ERRORS);
    ask(`solo/${l}`, [q + 2], ERRORS);
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
function pairIntervals(before, after, { replicates, seed }) {
  const table = before.table.map((value, i) => value - after.table[i]);
  for (let i = POSITIONS; i < table.length; i += before.Q) table[i] = after.table[i]; // to divide by
  const parts = [["", [ERRORS], [BITS]]];
  for (const [end, counts, bits] of partsOf(before, after)) parts.push([`/${end}`, counts, bits]);
  const asked = parts.flatMap(([end, counts, bits]) => [
    [`net${end}`, { columns: counts }], [`share${end}`, { columns: counts, per: ERRORS, nonzero: true }],
    [`bits${end}`, { columns: bits, per: POSITIONS }],
  ]);
  asked.push(["bits/correct", { columns: [CORRECT], per: POSITIONS }]);
  const wanted = asked.map(([, each]) => each), given = { table, units: before.units, Q: before.Q, replicates, seed };
  const ends = intervals({ ...given, wanted }), p = pValues({ ...given, wanted });
  const found = Object.fromEntries(asked.map(([key], k) => [key, { ends: ends[k], p: p[k] }]));
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
