"use strict";
// Beside the text: its filters, the strip at the edge, and what is known of the chosen symbol.

// --- filters ---------------------------------------------------------------------------------------------------------

function makeFilters(bench, search, reveal, found) {
  const field = (name) => $(`#f-${name}`);
  let set = null; // exactly these layers claim it: chosen in the figure of overlaps

  function fill(name, options) { // a menu with the value of the state, or its first one
    const select = field(name), { state } = bench;
    select.replaceChildren(...options.map(([key, said]) => make("option", { value: key }, said)));
    if (!options.some(([key]) => key === String(state[name] ?? ""))) state[name] = FILTERS[name];
    select.value = String(state[name] ?? "");
  }

  function inside() {
    const input = field("regex");
    input.removeAttribute("aria-invalid");
    if (!bench.state.regex) return null;
    try {
      return search(new RegExp(bench.state.regex, "gu"));
    } catch {
      input.setAttribute("aria-invalid", "true");
      return null;
    }
  }

  function menus() {
    const { state } = bench, now = bench.found(state.model), names = [...now.order];
    const rest = (k) => k !== null && total(bench.found(k).counts[now.order.length]) > 0;
    if ([state.model, state.against].some(rest)) names.push("rest");
    const titles = names.map((name) => [name, `${bench.layerOf(name).letter}  ${bench.layerOf(name).title}`]);
    fill("layer", [["", "all layers"], ...titles]);
    const slices = state.layer ? sliceNames(bench.layerOf(state.layer), bench.settings) : [];
    fill("slice", [["", "all slices"], ...slices.map((name, k) => [String(k), name])]);
    field("slice").hidden = slices.length < 2;
    const claims = now.order.map((name) => [name, `claimed by ${bench.layerOf(name).title}`]);
    fill("claim", [["", "claimed by any layer"], ...claims]);
    if (+field("bits").value !== state.bits) field("bits").value = state.bits || "";
    if (field("regex").value !== state.regex) field("regex").value = state.regex;
    field("order").value = state.order;
    if (!field("mark")) return;
    field("mark").hidden = state.against === null;
    if (state.against !== null) fill("mark", marksOf(bench));
  }

  function show() {
    menus();
    const { state } = bench, now = bench.found(state.model), { claim, mark } = state, searched = inside();
    const players = playersOf(now.order, bench.layers).reduce((sum, l) => sum | (1 << l), 0);
    const layer = state.layer ? [...now.order, "rest"].indexOf(state.layer) : null;
    const wanted = {
      mark, layer, slice: state.slice, set, players,
      claim: claim ? 1 << now.order.indexOf(claim) : 0, bits: state.bits, inside: searched?.rows ?? null,
    };
    const marks = matchingRows(bench, wanted);
    const compared = state.against !== null && !["now", "was"].includes(mark);
    const cut = searched?.cut ? " (the search took too long: not the whole text)" : "";
    const listed = state.order === "worst" && marks.rows.length > WORST;
    const first = listed ? `, the ${number(WORST)} worst in the list` : "";
    const what = compared && mark === "all" ? "symbols" : "errors";
    $("#matches").textContent = `${number(marks.rows.length)} ${what}${first}${cut}`;
    if ($("#legend")) $("#legend").hidden = !compared;
    const filtered = set !== null || Object.keys(FILTERS).some((key) => state[key] !== FILTERS[key]);
    $("#clear").hidden = !filtered;
    $("#in-text").textContent = filtered ? ` (${number(marks.rows.length)})` : "";
    found(marks);
  }

  function clear() {
    set = null;
    Object.assign(bench.state, FILTERS);
    bench.picked();
  }

  const read = { slice: (text) => (text === "" ? null : +text), bits: (text) => Math.max(0, +text || 0) };
  for (const name of [...Object.keys(FILTERS), "order"]) {
    field(name)?.addEventListener(field(name).tagName === "INPUT" ? "input" : "change", () => {
      const { value } = field(name);
      if (name === "layer") bench.state.slice = null;
      bench.state[name] = read[name] ? read[name](value) : value;
      bench.picked();
      reveal();
    });
  }
  $("#clear").addEventListener("click", clear);
  return { show, clear, claims(members) { set = set === members ? null : members; bench.picked(); } };
}

// What may be marked of two models, in words; `page_text.py` says the same.
function marksOf(bench) {
  const [was, now] = [bench.state.against, bench.state.model].map((k) => cutName(bench.data.models[k].name, 16));
  const said = ["fixed, kept and new", `fixed: only ${was} fails`, "kept: both fail", `new: only ${now} fails`,
    `errors of ${now}`, `errors of ${was}`];
  return MARKS.map((mark, k) => [mark, said[k]]);
}

// --- the strip -------------------------------------------------------------------------------------------------------

// A canvas beside the text: for each of its rows how many of the marks there each layer has, and which part is seen.
function makeStrip(bench) {
  const canvas = $("#strip");
  let counts = null, seen = [0, 1, 1], go = () => {};

  function draw() {
    const { width, height } = canvas.getBoundingClientRect();
    if (!width || !counts) return;
    canvas.width = Math.round(width * devicePixelRatio);
    canvas.height = Math.round(height * devicePixelRatio);
    const context = canvas.getContext("2d"), style = getComputedStyle(document.documentElement);
    context.scale(devicePixelRatio, devicePixelRatio);
    const { bins, colours } = counts, tallest = Math.max(1, ...bins.map((bin) => total(bin)));
    bins.forEach((bin, k) => {
      let x = 0;
      bin.forEach((size, l) => {
        context.fillStyle = colours[l];
        context.fillRect(x, (k * height) / bins.length, (width * size) / tallest, height / bins.length);
        x += (width * size) / tallest;
      });
    });
    const [from, shown, all] = seen, line = height / (all || 1), top = line * from, size = Math.max(6, line * shown);
    context.strokeStyle = context.fillStyle = style.getPropertyValue("--ink");
    context.globalAlpha = 0.12;
    context.fillRect(0, top, width, size);
    context.globalAlpha = 1;
    context.lineWidth = 1.5;
    context.strokeRect(0.75, top + 0.75, width - 1.5, Math.min(size, height - top) - 1.5);
  }

  const line = (event) => {
    const box = canvas.getBoundingClientRect();
    return (seen[2] * (event.clientY - box.top)) / box.height;
  };
  canvas.addEventListener("pointerdown", (event) => { canvas.setPointerCapture(event.pointerId); go(line(event)); });
  canvas.addEventListener("pointermove", (event) => { if (event.buttons) go(line(event)); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return {
    onGo(listener) { go = listener; },
    view(...view) { seen = view; draw(); },
    marks(marks, worst, lines, text) { // bins of the strip hold as many lines each
      const now = bench.found(bench.state.model), all = worst ? worst.length : lines.length;
      const size = Math.max(1, Math.min(all, 300));
      const bins = Array.from({ length: size }, () => new Uint32Array(now.order.length + 1));
      if (worst) worst.forEach((i, k) => { bins[Math.floor((k * size) / all)][marks.layers[i]]++; });
      else {
        let k = 0;
        marks.rows.forEach((r, i) => {
          const c = text.charOf[r];
          while (k + 1 < lines.length && lines[k + 1] <= c) k++;
          bins[Math.floor((k * size) / all)][marks.layers[i]]++;
        });
      }
      counts = { bins, colours: [...now.order, "rest"].map((name) => bench.layerOf(name).colour) };
    },
  };
}

// --- the chosen symbol -----------------------------------------------------------------------------------------------

function evidenceOf(bench, r) { // what the clauses say of a row, in words
  const said = [];
  for (const layer of bench.layers) {
    for (const clause of layer.clauses) {
      if (!clause.column || !clause.says) continue;
      const code = bench.source.columns[clause.column][r], scale = bench.source.scales[clause.column];
      const value = scale ? scale[code] : code;
      if (clause.limits ? value === undefined || value < (clause.least ?? 0) : !clause.values.includes(code)) continue;
      const needed = (clause.at_least ?? []).filter(([, least]) => typeof least === "number");
      if (needed.some(([name, least]) => bench.source.columns[name][r] < least)) continue;
      const distance = clause.column === "memory" ? earlierDistance(bench.text, r) : null;
      const most = scale && distance === null && value > 100 ? "up to " : "";
      said.push(clause.says.replace("{}", most + number(distance ?? value)));
    }
  }
  return said;
}

function symbolWords(bench, code) {
  const { text } = bench;
  return text.bytes && code > 127 ? `byte ${code.toString(16).toUpperCase()}` : `“${glyphOf(text, code)}”`;
}

function verdictOf(bench, k, r) {
  const model = bench.models[k], p = model.levels[model.level[r]];
  if (p === null) return make("li", {}, `${model.name}: not predicted`);
  const bits = bitsOf(bench, k)(r), probability = 2 ** -bits, found = bench.found(k), i = findError(found.rows, r);
  const shown = probability >= 0.095 ? probability.toFixed(2) : String(+probability.toPrecision(2));
  const value = `p = ${shown}, ${fixed(bits, 1)} bits`;
  const best = model.guess && model.guesses.length ? model.guess[r] : null; // else nothing is known of it
  const guessed = best ? `its guess ${symbolWords(bench, model.guesses[best - 1])}` : "ranked first";
  const guess = best === null ? "" : `; ${guessed}`;
  const rank = model.rank && model.rank[r] > 1 ? `; rank ${number(model.rank[r])}` : "";
  const name = bench.data.models.length > 1 ? `${model.name}: ` : "";
  if (i < 0) return make("li", {}, `${name}${value}${guess}${rank}; right`);
  const layer = bench.layerAt(found, found.layer[i]), slice = sliceNames(layer, bench.settings)[found.slice[i]];
  const taken = slice === layer.title ? slice : `${layer.title}, ${slice}`;
  return make("li", {}, `${name}${value}${guess}${rank}; `, chip(layer), taken);
}

function describe(bench, r) {
  const detail = $("#detail"), { text } = bench, { example } = bench.data;
  if (r < 0 && !bench.moved) return; // the example that the page came with
  if (r < 0 && example !== null) r = rowOf(text, example);
  if (r < 0) {
    detail.replaceChildren(make("p", {}, "Click a symbol, or press n for the next error, to see what is known of it."));
    return;
  }
  const c = text.charOf[r], [begin, end] = documentAround(text, r);
  const from = text.charOf[begin], to = end < text.n ? text.charOf[end] : text.m;
  const part = (a, b) => {
    let shown = "";
    for (let k = Math.max(a, from); k < Math.min(b, to); k++) shown += glyphOf(text, text.points[k]);
    return shown;
  };
  const size = text.pieces ? 8 : 36, shown = bench.data.models.map((_, k) => k), said = evidenceOf(bench, r);
  const chosen = shown.filter((k) => shown.length < 3 || k === bench.state.model || k === bench.state.against);
  const isWrong = (k) => k !== null && findError(bench.found(k).rows, r) >= 0;
  const wrong = [bench.state.against, bench.state.model].map(isWrong);
  const both = ["right in both", "a new error", "a fixed error", "a kept error"][2 * wrong[0] + wrong[1]];
  const kind = bench.state.against === null ? (wrong[1] ? "an error" : "no error") : both;
  const context = [part(c - size, c), make("b", {}, part(c, c + 1)), part(c + 1, c + size / 2)];
  detail.replaceChildren(
    make("p", { class: "what" }, `Position ${number(positionOf(text, r))}: ${kind}`),
    make("p", { class: "context", dir: $("#pane").dir }, ...context),
    make("ul", {}, ...chosen.map((k) => verdictOf(bench, k, r))),
    make("p", {}, said.length ? `${said.join("; ")}.` : "No oracle has anything to say."),
  );
}
