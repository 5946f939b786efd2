"use strict";
// Intervals of sums that few units contribute to, as errtax.taxonomy.intervals and quantiles have them.

const MANY = 100; // units that contribute, from which on an interval has the percentiles of the bootstrap
const LOW = 0.025, HIGH = 0.975, NORMAL = 1.959963984540054;
const MORE = 2; // degrees of freedom beyond the number of units that contribute
const TINY = 1e-15, CLOSE = 1e-13, STEPS = 60;

const studentKnown = new Map();

// The quantile 0.975 of Student's t; of a number that is not whole between those of its neighbours, by reciprocals.
function studentQuantile(freedom) {
  const below = Math.floor(freedom), low = wholeStudent(below);
  if (below === freedom) return low;
  return low * (wholeStudent(below + 1) / low) ** ((1 / below - 1 / freedom) * below * (below + 1));
}

// By bisection of atan(t / sqrt(freedom)) (Abramowitz & Stegun 26.7.3 and 26.7.4).
function wholeStudent(freedom) {
  if (!studentKnown.has(freedom)) {
    let low = 0, high = Math.PI / 2;
    for (let k = 0; k < STEPS; k++) {
      const angle = (low + high) / 2;
      if (studentWithin(angle, freedom) < 2 * HIGH - 1) low = angle; else high = angle;
    }
    studentKnown.set(freedom, Math.sqrt(freedom) * Math.tan(low));
  }
  return studentKnown.get(freedom);
}

function studentWithin(angle, freedom) {
  const cosine = Math.cos(angle), odd = freedom % 2;
  let term = odd ? cosine : 1, sum = 0;
  for (let k = 1 + odd; k < freedom; k += 2) { sum += term; term *= (cosine * cosine * k) / (k + 1); }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

// ln of the gamma function: Lanczos' approximation, g = 7, to 1e-14.
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
  12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
];

function lnGamma(x) {
  if (x < 0.5) return Math.log(Math.PI / Math.sin(Math.PI * x)) - lnGamma(1 - x);
  const t = x + 6.5;
  let sum = LANCZOS[0];
  for (let k = 1; k < LANCZOS.length; k++) sum += LANCZOS[k] / (x - 1 + k);
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum);
}

// The quantile of the gamma distribution: Newton's method from Wilson and Hilferty's approximation.
function gammaQuantile(probability, shape) {
  const z = probability < 0.5 ? -NORMAL : NORMAL;
  let x = shape * (1 - 1 / (9 * shape) + z / (3 * Math.sqrt(shape))) ** 3;
  if (shape > 1e4) return x;
  if (x <= 0) x = Math.exp((Math.log(probability) + lnGamma(shape + 1)) / shape);
  let least = 0, most = Infinity;
  for (let k = 0; k < (x ? STEPS : 0); k++) {
    const excess = gammaBelow(x, shape) - probability;
    if (excess < 0) least = x; else most = x;
    const step = x - excess / Math.exp((shape - 1) * Math.log(x) - x - lnGamma(shape));
    const moved = least < step && step < most ? step : (least + Math.min(most, 2 * x)) / 2;
    if (Math.abs(moved - x) <= CLOSE * x) break;
    x = moved;
  }
  return x;
}

// The regularised incomplete gamma function: a series, or a continued fraction (DLMF 8.7.1, 8.9.2).
function gammaBelow(x, shape) {
  const front = Math.exp(shape * Math.log(x) - x - lnGamma(shape + 1));
  if (x < shape + 1) {
    let term = 1, sum = 1;
    for (let k = 1; term > TINY * sum; k++) { term *= x / (shape + k); sum += term; }
    return front * sum;
  }
  let b = x + 1 - shape, c = 1e300, d = 1 / b, fraction = d;
  for (let k = 1; Math.abs(c * d - 1) > TINY; k++) {
    const a = -k * (k - shape);
    b += 2;
    d = 1 / (a * d + b);
    c = b + a / c;
    fraction *= c * d;
  }
  return 1 - front * shape * fraction;
}

// --- of sums by unit -------------------------------------------------------------------------------------------------

const sumOf = (values) => values.reduce((sum, value) => sum + value, 0);
const occupied = (values) => values.reduce((n, value) => n + (value !== 0), 0);

// The jackknife's variance of a sum about its share of the whole.
function squaresOf(part, whole) {
  const size = sumOf(whole), ratio = sumOf(part) / size, units = occupied(whole);
  let squares = 0;
  part.forEach((value, u) => { squares += ((value - ratio * whole[u]) / (1 - whole[u] / size)) ** 2; });
  return ((units - 1) / units) * squares;
}

// How many units of equal size tell as much (Kish).
const effectiveUnits = (sizes) => sumOf(sizes) ** 2 / (sumOf(sizes.map((n) => n * n)) || 1);

// Degrees of freedom: of those, and of the units that contribute.
function freedomOf(part, whole) {
  if (occupied(whole) < 2) return null;
  return Math.min(Math.max(effectiveUnits(whole) - 1, 1), occupied(part) + MORE);
}

// Of a sum that cannot be negative.  `within`: it is a part of the whole; `least`: what one error adds to it.
function ratioEnds(part, whole, least, within) {
  const size = sumOf(whole), sum = sumOf(part), freedom = freedomOf(part, whole);
  if (freedom === null) return null;
  if (within && sum > size / 2) {
    const rest = ratioEnds(whole.map((n, u) => n - part[u]), whole, least, within);
    return rest && [1 - rest[1], 1 - rest[0]];
  }
  const ratio = sum / size, squares = squaresOf(part, whole), factor = studentQuantile(freedom);
  const most = within ? 1 : Infinity;
  if (part.every((value, u) => value !== 0 || whole[u] <= 0)) {
    const half = (factor * Math.sqrt(squares)) / size;
    return [Math.max(ratio - half, 0), Math.min(ratio + half, most)];
  }
  let dispersion = Math.max(within ? least * (1 - ratio) : least, sum ? squares / sum : 0);
  if (sum) dispersion *= (factor / NORMAL) ** 2;
  const events = sum / dispersion, low = sum ? dispersion * gammaQuantile(LOW, events) : 0;
  return [low / size, Math.min((dispersion * gammaQuantile(HIGH, events + 1)) / size, most)];
}

// Of a sum of either sign.
function differenceEnds(part, whole, least) {
  const size = sumOf(whole), sum = sumOf(part), freedom = freedomOf(part, whole);
  if (freedom === null) return null;
  const error = studentQuantile(freedom) * Math.sqrt(squaresOf(part, whole));
  const half = occupied(part) ? error : least * gammaQuantile(HIGH, 1);
  return [(sum - half) / size, (sum + half) / size];
}

// Of a quotient of sums of either sign.
function quotientEnds(part, whole) {
  const units = part.length, size = sumOf(whole);
  if (units < 2 || !size) return null;
  const ratio = sumOf(part) / size;
  let squares = 0;
  part.forEach((value, u) => { squares += (value - ratio * whole[u]) ** 2; });
  const error = Math.sqrt((units / (units - 1)) * squares) / Math.abs(size);
  const freedom = Math.min(units - 1, occupied(whole) + MORE);
  const half = occupied(part) ? studentQuantile(freedom) * error : gammaQuantile(HIGH, 1) / Math.abs(size);
  return [ratio - half, ratio + half];
}
