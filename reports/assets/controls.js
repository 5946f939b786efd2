"use strict";
// The definitions: sliders and the order of layers, the finding in words, and the view in the page's address.

// --- the state -------------------------------------------------------------------------------------------------------

const REST = { name: "rest", title: "rest", letter: "–", colour: "#8A8A8A", takes_rest: true,
  clauses: [{ column: "", name: "rest" }] };
const last = (value) => (Array.isArray(value) ? value[value.length - 1] : value);

function thresholdsOf(data) {
  const base = data.settings.threshold;
  if (data.settings.made_for === "tokens") return [base]; // what their n-grams claim depends on what an error is
  const found = [...new Set([...data.steps, ...(base ? [base] : [])])].sort((a, b) => a - b);
  return data.models.every((model) => model.guesses) ? [...found, null] : found;
}

// Which errors of the text are marked: all of one model, or of two those fixed, kept, new, now or before.
const FILTERS = { mark: "all", layer: "", slice: null, claim: "", bits: 0, regex: "" };
const MARKS = ["all", "fixed", "kept", "new", "now", "was"];

// What the reader may move: layers, the threshold of an error, each control by name; which models, which filters.
function freshState(data) {
  const values = Object.fromEntries(data.controls.map(({ name }) => [name, last(data.settings[name])]));
  const model = Math.min(1, data.models.length - 1);
  return {
    layers: [...data.settings.layers], threshold: data.settings.threshold, ...values, model, against: model ? 0 : null,
    view: "rings", ...FILTERS, order: "text", pos: null,
  };
}

function settingsOf(data, state) {
  const settings = { ...data.settings, layers: state.layers, threshold: state.threshold };
  for (const { name } of data.controls) {
    const base = data.settings[name];
    settings[name] = Array.isArray(base) ? ladder(base, state[name]) : state[name];
  }
  return settings;
}

const inAddress = (key, value) => (key === "threshold" && value === null ? "argmax" : String(value ?? ""));

function addressOf(data, state) {
  const before = freshState(data);
  const parts = Object.keys(before).filter((key) => String(state[key]) !== String(before[key])).map((key) =>
    `${key}=${encodeURIComponent(inAddress(key, state[key])).replaceAll("%2C", ",")}`);
  return parts.length ? "#" + parts.join("&") : "";
}

// The state that an address says; what it says wrongly is left out.
function stateOf(data, hash) {
  const given = new URLSearchParams(hash.slice(1)), state = freshState(data);
  const listed = (key, values, read = Number) => {
    if (given.has(key) && values.includes(read(given.get(key)))) state[key] = read(given.get(key));
  };
  for (const { name, positions } of data.controls) listed(name, positions);
  listed("threshold", thresholdsOf(data), (text) => (text === "argmax" ? null : Number(text)));
  const places = data.models.map((_, k) => k);
  listed("model", places);
  listed("against", [...places, null], (text) => (text === "" ? null : Number(text)));
  if (state.against === state.model) state.against = null;
  listed("view", ["rings", "bars", "overlaps", "trend"], String);
  listed("order", ["text", "worst"], String);
  listed("mark", MARKS, String);
  const names = data.layers.map((layer) => layer.name);
  const once = (name, k, all) => names.includes(name) && all.indexOf(name) === k;
  const layers = (given.get("layers") || "").split(",").filter(once);
  if (layers.length) state.layers = layers;
  listed("layer", [...names, "rest"], String);
  listed("claim", names, String);
  state.regex = given.get("regex") ?? "";
  const bits = Number(given.get("bits"));
  if (bits > 0 && Number.isFinite(bits)) state.bits = bits;
  const slice = Number(given.get("slice"));
  if (given.has("slice") && state.layer && Number.isInteger(slice) && slice >= 0 && slice < 128) state.slice = slice;
  const pos = Number(given.get("pos"));
  if (given.get("pos") && Number.isInteger(pos) && pos >= 0) state.pos = pos;
  return state;
}

// --- sliders and layers ----------------------------------------------------------------------------------------------

function makeControls(bench) {
  const { data } = bench, sliders = [];
  const words = (control, value) =>
    (value === null ? "another ranked first" : control.words.replace("{}", number(value)));
  const thresholds = thresholdsOf(data), threshold = { name: "threshold", words: "p < {}", positions: thresholds };
  const all = thresholds.length > 1 ? [threshold, ...data.controls] : data.controls;
  for (const control of all) {
    const input = $(`#set-${CSS.escape(control.name)}`), output = $(`output[for="${input.id}"]`);
    input.disabled = false;
    input.addEventListener("input", () => {
      bench.state[control.name] = control.positions[+input.value];
      bench.changed({ moving: true });
    });
    input.addEventListener("change", () => bench.letGo());
    sliders.push(() => {
      const value = bench.state[control.name];
      input.value = control.positions.indexOf(value);
      output.textContent = words(control, value);
      input.setAttribute("aria-valuetext", words(control, value));
    });
  }
  const order = makeOrder(bench);
  $("#reset").disabled = false;
  $("#reset").addEventListener("click", () => {
    const kept = ["model", "against", "view", "pos", "order", ...Object.keys(FILTERS)];
    bench.state = { ...freshState(data), ...Object.fromEntries(kept.map((key) => [key, bench.state[key]])) };
    bench.changed();
  });
  const show = () => { for (const update of sliders) update(); order.show(); };
  show(); // not what a browser restored
  return { show };
}

function makeOrder(bench) {
  const list = $("#order");
  let dragged = null;
  const move = (name, place) => {
    const left = bench.state.layers.filter((other) => other !== name);
    left.splice(place, 0, name);
    bench.state.layers = left;
    bench.changed();
  };
  const toggle = (name, on) => {
    const left = on ? [...bench.state.layers, name] : bench.state.layers.filter((other) => other !== name);
    if (left.length) bench.state.layers = left;
    bench.changed();
  };
  const item = (name) => {
    const { layers } = bench.state, layer = bench.layerOf(name), k = layers.indexOf(name), on = k >= 0;
    const button = (by, arrow, word) => make("button", {
      type: "button", "data-key": word + name, "aria-label": `${layer.title} ${word}`, disabled: !on || !layers[k + by],
      onclick: () => move(name, k + by),
    }, arrow);
    const box = make("input", { type: "checkbox", id: `on-${name}`, "data-key": `on-${name}` });
    box.checked = on;
    box.addEventListener("change", () => toggle(name, !on));
    return make("li", {
      "data-layer": name, class: on ? false : "off", draggable: on ? "true" : "false",
      ondragstart: () => { dragged = name; },
      ondragover: (event) => { if (dragged && on) event.preventDefault(); },
      ondrop: (event) => { event.preventDefault(); if (dragged) move(dragged, k); dragged = null; },
    }, box, make("label", { for: box.id }, chip(layer), layer.title),
    button(-1, "↑", "earlier"), button(1, "↓", "later"));
  };
  return {
    show() {
      const focused = document.activeElement?.dataset?.key;
      const rest = bench.data.layers.map((layer) => layer.name).filter((name) => !bench.state.layers.includes(name));
      list.replaceChildren(...[...bench.state.layers, ...rest].map(item));
      if (!focused) return;
      const again = [...list.querySelectorAll("[data-key]")].find((each) => each.dataset.key === focused);
      if (again?.disabled) again.parentElement.querySelector("input").focus();
      else again?.focus();
    },
  };
}

// --- the finding -----------------------------------------------------------------------------------------------------

const sentenceEnds = (ends, digits = 1) =>
  (ends ? ` [${ends.map((end) => (100 * end).toFixed(digits)).join(", ")}]` : "");

function findingOf(bench) {
  const { model, against } = bench.state, now = bench.found(model), name = bench.data.models[model].name;
  if (against !== null) return savedOf(bench, now, name);
  const rate = `${percentOf(now.errors, now.positions, 1)}${sentenceEnds(bench.ends("rate"))} %`;
  if (!now.errors) return `${name} makes no error on ${number(now.positions)} symbols.`;
  const totals = now.counts.map(total), l = totals.indexOf(Math.max(...totals));
  const share = `${percentOf(totals[l], now.errors, 1)}${sentenceEnds(bench.ends(`share/${l}`))} %`;
  return `${name} is wrong on ${rate} of ${number(now.positions)} symbols; the largest class is `
    + `${bench.layerAt(now, l).title}: ${share} of its errors.`;
}

// Bits per symbol of the model, whatever the definitions.
function aboutOf(bench) {
  const model = bench.data.models[bench.state.model], bits = withEnds(model.bits, model.bits_ends, 4);
  const name = bench.data.models.length > 1 ? `${model.name}: ` : "";
  return `${name}${bits} bits per symbol; ${bench.data.drawn} resampled`;
}

function bitsSaved(bench, pair) {
  const models = [bench.state.against, bench.state.model].map((k) => bench.data.models[k]);
  const endless = models.filter((model) => model.bits === null).map((model) => model.name);
  if (endless.length) {
    const names = [...new Set(endless)].join(" and ");
    return ` Bits per symbol are infinite: ${names} gives symbols of the text probability 0.`;
  }
  if (!pair?.bits.ends) return "";
  const [was, now] = models.map((model) => model.bits);
  const saved = was - now, sign = Math.sign(saved), p = pair.bits.p, apart = Math.abs(saved);
  if (p >= 0.05) return ` Their bits are tied: ${fixed(apart, 4)} per symbol apart, p = ${+p.toPrecision(2)}.`;
  const ends = pair.bits.ends.map((end) => sign * end).sort((a, b) => a - b);
  return ` It spends ${withEnds(apart, ends, 4)} bits per symbol ${sign > 0 ? "less" : "more"}.`;
}

function savedOf(bench, now, name) {
  const was = bench.found(bench.state.against), bits = bitsSaved(bench, bench.pair()), saved = was.errors - now.errors;
  const tied = bench.pair()?.net.p >= 0.05, contrary = !tied && bits.endsWith(saved > 0 ? " more." : " less.");
  const warning = !contrary ? "" : saved > 0 ? "Fewer errors but more bits: " : "More errors but fewer bits: ";
  return `${warning}${errorsSaved(bench, was, now, name)}${bits}`;
}

function errorsSaved(bench, was, now, name) {
  const other = bench.data.models[bench.state.against].name, saved = was.errors - now.errors, pair = bench.pair();
  if (!saved) return `${name} makes as many errors as ${other}.`;
  if (pair?.net.p >= 0.05) {
    return `${name} and ${other} are tied: ${number(Math.abs(saved))} errors apart, p = ${+pair.net.p.toPrecision(2)}.`;
  }
  const by = now.counts.map((counts, l) => (total(was.counts[l]) - total(counts)) * Math.sign(saved));
  const l = by.indexOf(Math.max(...by)), ends = sentenceEnds(pair?.[`share/${l}`]?.ends, 0);
  return `${name} makes ${number(Math.abs(saved))} ${saved > 0 ? "fewer" : "more"} errors than ${other}; `
    + `${percentOf(by[l], Math.abs(saved), 0)} %${ends} of them (${number(by[l])}) were `
    + `${bench.layerAt(now, l).title} errors.`;
}
