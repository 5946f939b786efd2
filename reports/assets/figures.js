"use strict";
// The one figure: rings, bars, overlaps, or the trend of several models.  `page_figure.py` draws the first rings.

const WIDTH = 560, GAP = 29;
const ALONE = { x: 280, y: 160, radius: 130 }, ALONE_HEIGHT = 320;
const PAIR = [{ x: 94, y: 118, radius: 92 }, { x: 288, y: 118, radius: 92 }], PAIR_HEIGHT = 252;
const ZERO = 450, REACH = 50;
const two = (value) => value.toFixed(2);

function svgOf(height, label, parts) {
  return make("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": label }, ...parts);
}

const words = (x, y, kind, said, more = {}) => make("text", { x, y, class: kind, ...more }, said);
const withTitle = (element, title) => { element.append(make("title", {}, title)); return element; };

// --- rings -----------------------------------------------------------------------------------------------------------

function pointAt(ring, part, radius) { // at so much of a full turn from the top, clockwise
  const angle = 2 * Math.PI * part - Math.PI / 2;
  return [ring.x + radius * Math.cos(angle), ring.y + radius * Math.sin(angle)];
}

function wedge(ring, start, part, [inner, outer], colour, attributes, title) {
  const [a, b] = [ring.radius * inner, ring.radius * outer], stop = start + Math.min(part, 0.99999);
  const point = (turn, radius) => pointAt(ring, turn, radius).map(two).join(" "), large = part > 0.5 ? 1 : 0;
  const d = `M${point(start, b)}A${two(b)} ${two(b)} 0 ${large} 1 ${point(stop, b)}`
    + `L${point(stop, a)}A${two(a)} ${two(a)} 0 ${large} 0 ${point(start, a)}Z`;
  return withTitle(make("path", { d, fill: colour, class: "wedge", ...attributes }), title);
}

// Each layer with errors: its record, place, count, and where its arc begins.
function arcsOf(bench, found) {
  let turned = 0;
  return found.counts.map((counts, l) => ({ l, layer: bench.layerAt(found, l), counts, size: total(counts) }))
    .filter((arc) => arc.size).map((arc) => {
      const start = turned;
      turned += arc.size / found.errors;
      return { ...arc, start, share: arc.size / found.errors };
    });
}

function drawRing(bench, found, ring) {
  const parts = [];
  for (const { layer, counts, size, start, share } of arcsOf(bench, found)) {
    const title = `${layer.title}: ${number(size)}, ${percentOf(size, found.errors)} %`;
    parts.push(wedge(ring, start, share, [0.38, 0.7], layer.colour, { "data-layer": layer.name }, title));
    if (share > 0.03) {
      const [x, y] = pointAt(ring, start + share / 2, 0.54 * ring.radius);
      parts.push(words(two(x), two(y + 4), "letter", layer.letter));
    }
    let turned = start;
    const names = sliceNames(layer, bench.settings);
    names.forEach((name, k) => {
      if (!counts[k]) return;
      const part = counts[k] / found.errors;
      const said = `${name}: ${number(counts[k])}, ${percentOf(counts[k], found.errors)} %`;
      const place = { "data-layer": layer.name, "data-slice": k };
      parts.push(wedge(ring, turned, part, [0.7, 1], shade(layer.colour, k, names.length), place, said));
      turned += part;
    });
  }
  if (!found.errors) parts.push(make("circle", { cx: ring.x, cy: ring.y, r: 0.69 * ring.radius, class: "axis" }));
  parts.push(words(ring.x, ring.y, "middle", number(found.errors)));
  parts.push(words(ring.x, ring.y + 13, "small", `of ${number(found.positions)}`));
  return parts;
}

function spread(places) { // ascending, moved apart, within the figure
  const gap = Math.min(GAP, (ALONE_HEIGHT - 30) / Math.max(places.length - 1, 1));
  for (let round = 0; round < 100; round++) {
    for (let k = 0; k + 1 < places.length; k++) {
      const push = Math.max(0, gap - (places[k + 1] - places[k])) / 2;
      places[k] -= push;
      places[k + 1] += push;
    }
    places = places.map((y) => Math.min(Math.max(y, 12), ALONE_HEIGHT - 18));
  }
  return places;
}

function drawLabels(bench, found, ring) {
  const parts = [], arcs = arcsOf(bench, found).map((arc) => ({ ...arc, middle: arc.start + arc.share / 2 }));
  for (const sign of [1, -1]) {
    const side = arcs.filter((arc) => (arc.middle < 0.5) === (sign === 1));
    for (const arc of side) arc.y = pointAt(ring, arc.middle, 1.12 * ring.radius)[1];
    side.sort((a, b) => a.y - b.y);
    const ys = spread(side.map((arc) => arc.y)), edge = ring.x + sign * 1.22 * ring.radius;
    side.forEach(({ layer, share, middle }, k) => {
      const line = [1.02, 1.1].map((part) => pointAt(ring, middle, part * ring.radius).map(two).join(","));
      parts.push(make("polyline", { points: `${line.join(" ")} ${two(edge)},${two(ys[k])}`, class: "leader" }));
      const more = { "text-anchor": sign === 1 ? "start" : "end", "data-layer": layer.name };
      const x = two(edge + 4 * sign);
      parts.push(words(x, two(ys[k] + 1), "name", layer.title, more));
      parts.push(words(x, two(ys[k] + 14), "small", `${(100 * share).toFixed(1)} %`, more));
    });
  }
  return parts;
}

function drawRings(bench) {
  const { model, against } = bench.state, { models } = bench.data, now = bench.found(model);
  const label = (names) => `Errors of ${names} by layer and slice; the numbers are in the table`;
  if (against === null) {
    const parts = [...drawRing(bench, now, ALONE), ...drawLabels(bench, now, ALONE)];
    return svgOf(ALONE_HEIGHT, label(models[model].name), parts);
  }
  const rings = [against, model].flatMap((k, side) => {
    const ring = PAIR[side], found = bench.found(k);
    const rate = `${percentOf(found.errors, found.positions, 1)} % wrong`;
    return [...drawRing(bench, found, ring),
      words(ring.x, ring.y + ring.radius + 20, "model", cutName(models[k].name, 26)),
      words(ring.x, ring.y + ring.radius + 36, "small", rate)];
  });
  const names = `${models[against].name} and ${models[model].name}`;
  return svgOf(PAIR_HEIGHT, label(names), [...rings, ...drawSaved(bench, bench.found(against), now)]);
}

function drawSaved(bench, was, now) {
  const saved = (l) => total(was.counts[l]) - total(now.counts[l]);
  const rows = now.counts.map((_, l) => ({ layer: bench.layerAt(now, l), value: saved(l) }))
    .filter(({ layer }, l) => layer !== REST || total(was.counts[l]) + total(now.counts[l]) > 0);
  const most = Math.max(1, ...rows.map((row) => Math.abs(row.value)));
  const step = Math.min(24, 200 / Math.max(rows.length, 1));
  const parts = [words(ZERO, 18, "model", "errors saved")];
  rows.forEach(({ layer, value }, k) => {
    const y = 28 + k * step, width = (REACH * Math.abs(value)) / most;
    const place = { x: two(value >= 0 ? ZERO : ZERO - width), y: two(y), width: two(width), height: two(step - 6) };
    const bar = make("rect", { ...place, fill: layer.colour, class: "wedge", "data-layer": layer.name });
    parts.push(withTitle(bar, `${layer.title}: ${signed(value)}`));
    parts.push(words(ZERO - REACH - 10, two(y + step / 2 + 1), "small", layer.letter));
    parts.push(words(WIDTH - 4, two(y + step / 2 + 1), "small", signed(value), { "text-anchor": "end" }));
  });
  parts.push(make("path", { d: `M${ZERO} 24V${two(28 + rows.length * step)}`, class: "leader" }));
  return parts;
}

// --- bars ------------------------------------------------------------------------------------------------------------

function drawBars(bench) {
  const { model, against } = bench.state, shown = against === null ? [model] : [against, model];
  const all = shown.map((k) => bench.found(k)), now = all[all.length - 1];
  const rows = now.order.concat("rest").flatMap((name, l) => {
    const layer = bench.layerOf(name), names = sliceNames(layer, bench.settings);
    if (layer === REST && !all.some((found) => total(found.counts[l]))) return [];
    const countsOf = (k) => all.map((found) => found.counts[l][k]);
    return names.map((slice, k) => ({ layer, slice, k, size: names.length, counts: countsOf(k) }));
  });
  const most = Math.max(1, ...rows.flatMap((row) => row.counts)), step = 14, top = shown.length > 1 ? 24 : 6;
  const parts = rows.flatMap(({ layer, slice, k, size, counts }, i) => {
    const y = top + i * step, height = (step - 4) / counts.length, colour = shade(layer.colour, k, size);
    const place = { "data-layer": layer.name, "data-slice": k };
    const long = counts.length > 1 ? 250 : 320;
    const bars = counts.map((count, side) => withTitle(make("rect", {
      x: 150, y: two(y + side * height), width: two((long * count) / most), height: two(height), fill: colour,
      "fill-opacity": counts.length > 1 && side === 0 ? 0.5 : 1, class: "wedge", ...place,
    }), `${slice}: ${number(count)}`));
    const share = counts.map((count, side) => percentOf(count, all[side].errors, 1)).join(" → ");
    const end = two(156 + (long * Math.max(...counts)) / most);
    const change = counts.length > 1 ? `  ${signed(counts[1] - counts[0])}` : "";
    return [words(144, two(y + step / 2 + 1), "name", `${layer.letter}  ${slice}`, { "text-anchor": "end", ...place }),
      ...bars, words(end, two(y + step / 2 + 1), "small", `${share} %${change}`, { "text-anchor": "start" })];
  });
  const names = shown.map((k) => bench.data.models[k].name);
  if (names.length > 1) {
    const [was, now] = names.map((name) => cutName(name, 26));
    parts.unshift(words(150, 14, "small", `pale: ${was} → full: ${now}`, { "text-anchor": "start" }));
  }
  return svgOf(top + 4 + rows.length * step, `Errors of ${names.join(" and ")} by slice, as bars`, parts);
}

// --- overlaps --------------------------------------------------------------------------------------------------------

function drawOverlaps(bench) {
  const found = bench.found(bench.state.model), players = playersOf(found.order, bench.layers);
  const { overlaps } = orderFree(found, players), shown = overlaps.slice(0, 14);
  const most = Math.max(1, ...shown.map(([, count]) => count));
  const name = cutName(bench.data.models[bench.state.model].name, 26), from = 34 + 22 * players.length;
  const parts = players.map((l, i) => words(20 + 22 * i, 14, "name", bench.layerAt(found, l).letter));
  const said = `Errors of ${name} that exactly these layers claim; click to see them`;
  parts.push(words(from, 14, "small", said, { "text-anchor": "start" }));
  shown.forEach(([members, count], k) => {
    const y = 30 + 17 * k, names = members.map((l) => bench.layerAt(found, l).title);
    if (members.length > 1) {
      const [a, b] = [members[0], members[members.length - 1]].map((l) => 20 + 22 * players.indexOf(l));
      parts.push(make("path", { d: `M${a} ${y}H${b}`, class: "leader" }));
    }
    players.forEach((l, i) => {
      const [r, fill] = members.includes(l) ? [5.5, bench.layerAt(found, l).colour] : [2, "#8A8A8A"];
      parts.push(make("circle", { cx: 20 + 22 * i, cy: y, r, fill }));
    });
    const title = `claimed by ${names.join(" + ") || "none of them"}: ${number(count)}`;
    const set = members.reduce((sum, l) => sum | (1 << l), 0);
    const width = ((WIDTH - from - 90) * count) / most;
    const place = { x: from, y: y - 6, width: two(width), height: 12 };
    parts.push(withTitle(make("rect", { ...place, fill: "#0072B2", class: "wedge", "data-set": set }), title));
    const share = `${number(count)}  ${percentOf(count, found.errors, 1)} %`;
    parts.push(words(two(from + width + 6), y + 4, "small", share, { "text-anchor": "start" }));
  });
  const label = `Which layers claim the same errors of ${bench.data.models[bench.state.model].name}`;
  return svgOf(36 + 17 * shown.length, label, parts);
}

// --- trend -----------------------------------------------------------------------------------------------------------

function drawTrend(bench) {
  const { by, scale } = bench.data.trend, order = scale.map((_, k) => k).sort((a, b) => scale[a] - scale[b]);
  const all = order.map((k) => bench.found(k)), x = order.map((k) => Math.log10(scale[k]));
  const classes = [{ title: "all errors", colour: "#767676", of: (found) => found.errors, key: "rate" },
    ...all[0].order.map((name, l) => ({
      ...bench.layerOf(name), of: (found) => total(found.counts[l]), key: `rate/${l}`,
    }))];
  const columns = 4, cell = WIDTH / columns, height = 118;
  const most = classes.slice(1).map((each) => Math.max(...all.map((found) => each.of(found) / found.positions)));
  const parts = classes.flatMap((each, i) => {
    const left = (i % columns) * cell + 30, top = Math.floor(i / columns) * height + 20;
    const [w, h] = [cell - 44, height - 52];
    const rates = all.map((found) => each.of(found) / found.positions);
    const largest = i ? Math.max(...most, 1e-9) : Math.max(...rates, 1e-9);
    const at = (k) => left + (w * (x[k] - x[0])) / (x[x.length - 1] - x[0] || 1);
    const up = (v) => top + h - (h * v) / largest;
    const ends = order.map((k) => bench.endsOf(k)?.[each.key]).map((pair, k) => pair ?? [rates[k], rates[k]]);
    const band = [...ends.map((pair, k) => `${two(at(k))},${two(up(pair[1]))}`),
      ...ends.map((pair, k) => `${two(at(k))},${two(up(pair[0]))}`).reverse()].join(" ");
    return [
      words(left + w / 2, top - 6, "model", each.title),
      make("path", { d: `M${left} ${top}V${top + h}H${left + w}`, class: "axis" }),
      make("polyline", { points: band, fill: each.colour, "fill-opacity": 0.25 }),
      make("polyline", { points: rates.map((v, k) => `${two(at(k))},${two(up(v))}`).join(" "), fill: "none",
        stroke: each.colour, "stroke-width": 2 }),
      ...rates.map((v, k) => withTitle(make("circle", { cx: two(at(k)), cy: two(up(v)), r: 3, fill: each.colour,
        "data-layer": i ? each.name : null }), `${bench.data.models[order[k]].name}: ${percentOf(v, 1)} %`)),
      words(left - 3, top + 8, "small", `${(100 * largest).toFixed(0)} %`, { "text-anchor": "end" }),
      ...[0, x.length - 1].map((k) => words(two(at(k)), top + h + 12, "small", compact(scale[order[k]]))),
    ];
  });
  return svgOf(Math.ceil(classes.length / columns) * height + 14, `Errors in % of the symbols, by ${by}`,
    [...parts, words(WIDTH / 2, Math.ceil(classes.length / columns) * height + 8, "small", `${by} (log scale)`)]);
}

const compact = (value) => Intl.NumberFormat("en-US", { notation: "compact" }).format(value);

// --- the pane --------------------------------------------------------------------------------------------------------

function makeFigures(bench) {
  const figure = $("#figure"), draw = { rings: drawRings, bars: drawBars, overlaps: drawOverlaps, trend: drawTrend };
  for (const button of document.querySelectorAll("[data-view]")) {
    button.addEventListener("click", () => { bench.state.view = button.dataset.view; bench.viewed(); });
  }
  const picked = (event) => event.target.closest?.("[data-layer], [data-set]");
  figure.addEventListener("click", (event) => {
    const part = picked(event);
    if (part?.dataset.set !== undefined) bench.pickClaims(+part.dataset.set);
    else if (part) bench.pick(part.dataset.layer, part.dataset.slice === undefined ? null : +part.dataset.slice);
  });
  figure.addEventListener("pointerover", (event) => {
    const part = picked(event);
    bench.light(part?.dataset.layer ?? null, part?.dataset.slice === undefined ? null : +part.dataset.slice);
  });
  figure.addEventListener("pointerleave", () => bench.light(null, null));
  return {
    show() {
      for (const button of document.querySelectorAll("[data-view]")) {
        button.setAttribute("aria-pressed", String(button.dataset.view === bench.state.view));
      }
      const view = bench.state.view === "trend" && !bench.data.trend ? "rings" : bench.state.view;
      figure.replaceChildren(draw[view](bench));
    },
    light(layer, slice) {
      for (const part of figure.querySelectorAll("[data-layer]")) {
        const of = slice === null || [undefined, String(slice)].includes(part.dataset.slice);
        part.classList.toggle("dim", layer !== null && !(of && part.dataset.layer === layer));
      }
    },
  };
}
