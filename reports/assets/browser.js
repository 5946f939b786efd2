"use strict";
// The text: filters, the lines that are seen, the strip of where errors are, and the chosen symbol.

const LINE = 32, WORST = 5000; // pixels of a line; errors that are listed worst first

// --- which rows are marked -------------------------------------------------------------------------------------------

// The rows that the filters leave, ascending: `rows`, and of each `kind` (0 an error, 1 fixed, 2 kept, 3 new) and its
// `layer` in the order.  `wanted`: mark, layer, slice, claim, set, bits, inside.
const KINDS = ["", "fixed", "kept", "new"];

function matchingRows(bench, wanted) {
  const { model, against } = bench.state, now = bench.found(model);
  const was = against === null ? null : bench.found(against);
  const mark = was ? wanted.mark : "now", size = now.rows.length + (was ? was.rows.length : 0);
  const rows = new Uint32Array(size), kinds = new Uint8Array(size), layers = new Int8Array(size);
  const [bitsNow, bitsWas] = [bitsOf(bench, model), was && bitsOf(bench, against)];
  const compared = mark !== "now" && mark !== "was", change = KINDS.indexOf(mark);
  let m = 0;
  const take = (found, i, kind, bits) => {
    const r = found.rows[i];
    if (wanted.layer !== null && found.layer[i] !== wanted.layer) return;
    if (wanted.slice !== null && found.slice[i] !== wanted.slice) return;
    if (wanted.claim && !(found.claims[i] & wanted.claim)) return;
    if (wanted.set !== null && (found.claims[i] & wanted.players) !== wanted.set) return;
    if (change > 0 && kind !== change) return;
    if (wanted.bits && bits(r) < wanted.bits) return;
    if (wanted.inside && !wanted.inside[r]) return;
    rows[m] = r; kinds[m] = compared ? kind : 0; layers[m++] = found.layer[i];
  };
  const [a, b] = [was ? was.rows : [], now.rows];
  for (let i = 0, j = 0; i < a.length || j < b.length;) {
    const before = i < a.length && (j >= b.length || a[i] <= b[j]);
    const after = j < b.length && (i >= a.length || b[j] <= a[i]);
    const kind = !was ? 0 : before ? (after ? 2 : 1) : 3;
    if (mark === "was" ? before : before && !after && compared) take(was, i, kind, bitsWas);
    else if (after && mark !== "was") take(now, j, kind, bitsNow);
    i += before;
    j += after;
  }
  return { rows: rows.subarray(0, m), kinds: kinds.subarray(0, m), layers: layers.subarray(0, m) };
}

function bitsOf(bench, k) {
  const model = bench.models[k], { least, step } = (model.tables ??= bitsTables(model));
  return (r) => least[model.level[r]] + step[model.level[r]] * model.part[r];
}

// The places of the marks in descending order of their bits, at most `WORST`.
function worstFirst(bench, marks) {
  const { state, models } = bench, before = state.against !== null && ["was", "fixed"].includes(state.mark);
  const k = before ? state.against : state.model;
  const model = models[k], counts = new Uint32Array(model.levels.length), { rows } = marks; // levels ascend by p
  for (const r of rows) counts[model.level[r]]++;
  let most = 0;
  for (let found = 0; most < counts.length && found < WORST; most++) found += counts[most];
  const places = [];
  for (let i = 0; i < rows.length; i++) if (model.level[rows[i]] < most) places.push(i);
  const bits = bitsOf(bench, k);
  return places.sort((i, j) => bits(rows[j]) - bits(rows[i]) || i - j).slice(0, WORST);
}

// --- the regular expression ------------------------------------------------------------------------------------------

function searcher(text) {
  let known = null;
  const whole = () => {
    const { m, points, pieces } = text, units = [];
    let string = "";
    for (let c = 0; pieces && c < m; c++) {
      string += pieces[points[c]];
      for (let k = 0; k < pieces[points[c]].length; k++) units.push(c); // a match marks each token that it touches
    }
    if (pieces) return { string, units: Uint32Array.from([...units, m]) };
    for (let c = 0; c < m; c += 4096) string += String.fromCodePoint(...points.subarray(c, Math.min(c + 4096, m)));
    const places = new Uint32Array(string.length + 1).fill(m);
    for (let c = 0, u = 0; c < m; c++) { places[u++] = c; if (points[c] > 0xffff) places[u++] = c; }
    return { string, units: places };
  };
  // 1 where a row lies inside a match; `cut`: the search took too long and was broken off.
  return (expression) => {
    known ??= whole();
    const rows = new Uint8Array(text.n), until = performance.now() + 2000, { units } = known, { first, pieces } = text;
    for (const found of known.string.matchAll(expression)) {
      const end = found.index + found[0].length;
      const after = pieces ? units[end - 1] + 1 : first[units[end]];
      if (found[0].length) rows.fill(1, first[units[found.index]], after);
      if (performance.now() > until) return { rows, cut: true };
    }
    return { rows, cut: false };
  };
}

// --- lines -----------------------------------------------------------------------------------------------------------

function widthsOf(text) { // in columns of a letter, by point
  if (text.pieces) return Uint16Array.from(text.pieces, (piece) => piece.length);
  const widths = new Uint8Array(0x110000).fill(1, 0, 0x1100).fill(2, 0x1100);
  for (const [point, sign] of Object.entries(text.data.signs)) widths[+point] = [...sign].length;
  return widths;
}

// The first character of each line of at most so many columns; lines break after blanks where they can.
function breakLines(text, widths, most) {
  const { m, points, first, documentBefore, kinds, pieces } = text, lines = [0];
  let columns = 0, space = -1, atSpace = 0;
  for (let c = 0; c < m; c++) {
    const point = points[c], ends = pieces ? endsLine(text, point) : point === NEWLINE, start = lines[lines.length - 1];
    if (documentBefore[first[c]]) { if (start !== c) lines.push(c); columns = 0; }
    if (columns + widths[point] > most && !ends && (pieces || point !== RETURN) && columns) {
      const breaks = !pieces && space > start && columns - atSpace < most / 2;
      lines.push(breaks ? space : c);
      columns = breaks ? columns - atSpace : 0;
    }
    columns += widths[point];
    if (!pieces && kinds[point] & SPACE) { space = c + 1; atSpace = columns; }
    if (ends) { lines.push(c + 1); columns = 0; }
  }
  return Uint32Array.from(lines);
}

function lastUpTo(sorted, value) { // the place of the last one that is not larger
  let low = 0, high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (sorted[middle] <= value) low = middle; else high = middle - 1;
  }
  return low;
}

// --- the pane --------------------------------------------------------------------------------------------------------

function makeBrowser(bench) {
  const { text } = bench, { m, points, first } = text, widths = widthsOf(text), search = searcher(text);
  const pane = $("#pane"), canvas = $("#canvas"), strip = makeStrip(bench);
  let lines = [], most = 60, focused = -1, marks = { rows: [], kinds: [], layers: [] }, worst = null;

  function measure() {
    const probe = make("span", {}, "0".repeat(50));
    canvas.replaceChildren(probe);
    const width = probe.getBoundingClientRect().width / 50 || 8.4;
    most = Math.max(20, Math.floor((pane.clientWidth - 26) / width) - 1);
    lines = breakLines(text, widths, most);
  }

  function span(from, to, focus, tagged) { // characters as nodes, marked
    const nodes = [];
    let plain = "", i = findNext(marks.rows, first[from]);
    for (let c = from; c < to; c++) {
      const end = first[c + 1], shown = glyphOf(text, points[c]);
      while (i < marks.rows.length && marks.rows[i] < first[c]) i++;
      const marked = i < marks.rows.length && marks.rows[i] < end ? i : -1, here = focus >= first[c] && focus < end;
      if (marked < 0 && !here && !text.pieces) { plain += shown; continue; }
      if (plain) { nodes.push(plain); plain = ""; }
      nodes.push(symbol(shown, marked, here, c, tagged));
    }
    return plain ? [...nodes, plain] : nodes;
  }

  function symbol(shown, i, here, c, tagged) {
    const classes = text.pieces ? ["t"] : [], data = {};
    if (i >= 0) {
      const now = bench.found(bench.state.model), layer = bench.layerAt(now, marks.layers[i]);
      classes.push("e", `l-${layer.name}`, ...(marks.kinds[i] ? [`c-${KINDS[marks.kinds[i]]}`] : []));
      data["data-layer"] = layer.name;
    }
    if (here) classes.push("here");
    const row = i >= 0 ? marks.rows[i] : first[c];
    return make("span", { class: classes.join(" "), "data-r": tagged ? row : null, ...data }, shown);
  }

  function textLine(k) {
    const from = lines[k], end = k + 1 < lines.length ? lines[k + 1] : m;
    const another = k > 0 && text.documentBefore[first[from]];
    const about = another ? { class: "line doc", title: "another document" } : { class: "line" };
    return make("div", about, ...span(from, end, focused, true));
  }

  function worstLine(k) { // an error in the middle of a line of its context
    const r = marks.rows[worst[k]], c = text.charOf[r], half = Math.floor(most / 2), [begin, end] = around(r);
    let [from, to, left, right] = [c, c + 1, half, half - widths[points[c]]];
    while (from > begin && left >= widths[points[from - 1]]) left -= widths[points[--from]];
    while (to < end && right >= widths[points[to]]) right -= widths[points[to++]];
    return make("div", { class: "line worst" }, " ".repeat(Math.max(left, 0)), ...span(from, to, r, true));
  }

  function around(r) {
    const [begin, end] = documentAround(text, r);
    return [text.charOf[begin], end < text.n ? text.charOf[end] : m];
  }

  const count = () => (worst ? worst.length : lines.length);

  function draw() {
    if (!lines.length) return; // not laid out yet
    canvas.style.height = `${count() * LINE}px`;
    const from = Math.max(0, Math.floor(pane.scrollTop / LINE) - 3);
    const to = Math.min(count(), from + Math.ceil(pane.clientHeight / LINE) + 6), shown = [];
    for (let k = from; k < to; k++) {
      const line = worst ? worstLine(k) : textLine(k);
      line.style.top = `${k * LINE}px`;
      shown.push(line);
    }
    canvas.replaceChildren(...shown);
    strip.view(pane.scrollTop / LINE, pane.clientHeight / LINE, count());
    if (bench.lit) light(...bench.lit);
  }

  function light(layer, slice) {
    canvas.classList.toggle("lit-text", layer !== null);
    for (const each of layer === null ? [] : canvas.querySelectorAll(".e")) {
      const same = slice === null || sliceAt(+each.dataset.r) === slice;
      each.classList.toggle("lit", each.dataset.layer === layer && same);
    }
  }

  function sliceAt(r) {
    const shown = [bench.state.model, bench.state.against].filter((k) => k !== null).map((k) => bench.found(k));
    for (const found of shown) { const i = findError(found.rows, r); if (i >= 0) return found.slice[i]; }
    return null;
  }

  function scrollTo(line) {
    const top = line * LINE;
    if (top < pane.scrollTop + LINE || top > pane.scrollTop + pane.clientHeight - 2 * LINE) {
      pane.scrollTop = top - pane.clientHeight / 2;
    }
  }

  const lineOfRow = (r) => {
    if (!worst) return lastUpTo(lines, text.charOf[r]);
    return worst.findIndex((i) => marks.rows[i] === r);
  };

  function focusRow(r, scroll = true) {
    focused = r;
    bench.state.pos = r < 0 ? null : positionOf(text, r);
    if (r >= 0 && scroll) scrollTo(Math.max(0, lineOfRow(r)));
    draw();
    describe(bench, focused);
    bench.writeAddress();
  }

  function rowAtTop() {
    const k = Math.min(Math.floor(pane.scrollTop / LINE), count() - 1);
    return worst ? marks.rows[worst[Math.max(k, 0)]] : first[lines[Math.max(k, 0)]];
  }

  function step(by) {
    if (worst) {
      const at = lineOfRow(focused), next = at < 0 ? 0 : at + by;
      if (next >= 0 && next < worst.length) focusRow(marks.rows[worst[next]]);
      return;
    }
    let i = focused < 0 ? findNext(marks.rows, rowAtTop()) - (by > 0 ? 1 : 0) : findNext(marks.rows, focused);
    if (focused >= 0 && by > 0 && marks.rows[i] !== focused) i--;
    i += by;
    if (i >= 0 && i < marks.rows.length) focusRow(marks.rows[i]);
  }

  function reveal() { // the first mark from here on, or the first of all, if none is seen
    const { rows } = marks, top = Math.ceil(pane.scrollTop / LINE), seen = Math.floor(pane.clientHeight / LINE) - 1;
    if (worst || !rows.length) { pane.scrollTop = 0; draw(); return; }
    const next = lineOfRow(rows[findNext(rows, first[lines[Math.min(top, lines.length - 1)]])] ?? rows[0]);
    if (next < top || next >= top + seen) pane.scrollTop = (next - 1) * LINE;
    draw();
  }

  const filters = makeFilters(bench, search, reveal, (found) => {
    marks = found;
    worst = bench.state.order === "worst" ? worstFirst(bench, marks) : null;
    strip.marks(marks, worst, lines, text);
    draw();
  });

  pane.addEventListener("scroll", draw, { passive: true });
  pane.addEventListener("click", (event) => {
    const r = event.target.closest?.("[data-r]")?.dataset.r;
    if (r !== undefined) focusRow(+r, false);
  });
  pane.addEventListener("pointerover", (event) => { // a symbol lights its row and its arc
    const mark = event.target.closest?.(".e"), slice = mark && sliceAt(+mark.dataset.r);
    bench.light(mark ? mark.dataset.layer : null, slice, false);
  });
  pane.addEventListener("pointerleave", () => bench.light(null, null));
  strip.onGo((line) => { pane.scrollTop = line * LINE - pane.clientHeight / 2; });
  $("#next").addEventListener("click", () => step(1));
  $("#previous").addEventListener("click", () => step(-1));

  return {
    show() { filters.show(); describe(bench, focused); },
    layOut() {
      const above = $("main").getBoundingClientRect().top + scrollY;
      document.body.style.setProperty("--above", `${Math.ceil(above)}px`);
      const r = lines.length ? rowAtTop() : 0;
      measure();
      filters.show();
      pane.scrollTop = lineOfRow(r) * LINE;
      draw();
    },
    top() { pane.scrollTop = 0; draw(); },
    focusRow, step, light, filters,
    get focused() { return focused; },
  };
}

function findNext(sorted, value) { // the place of the first one that is not smaller
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1; else high = middle;
  }
  return low;
}
