"use strict";
// The page's script: reads the columns, peels again by the settings of the controls, and shows the text.
// Every number is a count of rows, by the same rules as errtax.taxonomy.layers.
(async () => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const data = JSON.parse($("#errtax-page").textContent);
  const names = data.layers.map((layer) => layer.name);
  const layerOf = Object.fromEntries(data.layers.map((layer) => [layer.name, layer]));
  layerOf.rest = { name: "rest", title: "rest", letter: "–", colour: "#8A8A8A" };
  const n = data.rows;

  // --- columns ------------------------------------------------------------------------------------------------------

  async function column(name, Kind = Uint8Array) {
    const packed = data.columns[name];
    if (packed === undefined) return null;
    const binary = atob(packed);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Kind(await new Response(stream).arrayBuffer());
  }

  const widths = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };
  const [utf8, ngram, memory, rare, cut] = await Promise.all([
    column("text", data.pieces ? Uint32Array : Uint8Array), column("ngram"), column("memory"), column("rare", widths[data.rare_bytes]), column("words"),
  ]); // cut: 1 where a word begins, 2 inside; null where words are runs of characters of words
  const many = 256 ** data.rare_bytes - 1; // a count of this, or more
  const own = {};
  for (const layer of data.layers) if (layer.own) own[layer.name] = await column("own-" + layer.name);
  for (const [k, model] of data.models.entries()) {
    model.level = await column("level" + k, widths[model.bytes]);
    const guesses = await column("guess" + k, widths[model.guess_bytes]); // of rows with p <= guess_limit
    if (guesses) {
      const unsure = model.levels.map((p) => p !== null && p <= model.guess_limit);
      model.guess = new guesses.constructor(n);
      for (let r = 0, k = 0; r < n; r++) if (unsure[model.level[r]]) model.guess[r] = guesses[k++];
    }
  }

  // --- the text: characters, and what they are ----------------------------------------------------------------------

  const gapBefore = new Uint8Array(n + 1);
  for (const [row] of data.breaks) gapBefore[row] = 1;
  for (const row of data.documents) gapBefore[row] = 1;
  const documentBefore = new Uint8Array(n + 1);
  for (const row of data.documents) documentBefore[row] = 1;

  function documentAround(row) { // its first row, and the row after its last
    let start = 0;
    for (const next of data.documents) { if (next > row) return [start, next]; start = next; }
    return [start, n];
  }

  function positionOf(row) {
    let start = [0, 0];
    for (const pair of data.breaks) if (pair[0] <= row) start = pair;
    return start[1] + row - start[0];
  }

  function rowOf(position) {
    let start = [0, 0], next = n;
    for (const pair of data.breaks) if (pair[1] <= position) start = pair; else { next = pair[0]; break; }
    return Math.min(start[0] + position - start[1], next - 1, n - 1);
  }

  // Length of the UTF-8 sequence at i, and its code point; a byte that begins none has length 0.
  function sequence(i, joined) {
    const a = utf8[i];
    if (a < 0x80) return [1, a];
    const length = a >= 0xc2 && a < 0xe0 ? 2 : a >= 0xe0 && a < 0xf0 ? 3 : a >= 0xf0 && a < 0xf5 ? 4 : 0;
    if (!length || i + length > utf8.length) return [0, 0];
    let point = a & (0x7f >> length);
    for (let k = 1; k < length; k++) {
      if ((utf8[i + k] & 0xc0) !== 0x80 || (joined && gapBefore[i + k])) return [0, 0];
      point = (point << 6) | (utf8[i + k] & 0x3f);
    }
    const wrong = (length === 3 && point < 0x800) || (length === 4 && (point < 0x10000 || point > 0x10ffff));
    return wrong || (point >= 0xd800 && point < 0xe000) ? [0, 0] : [length, point];
  }

  const bytes = data.unit === "byte";
  // Of tokens and spans, each is shown whole: it stands for one character, whose point is its number in `pieces`.
  const pieces = data.pieces ?? null;
  const endsLine = (point) => (pieces ? data.line_ends[point] > 0 : point === 10);
  const isBlank = (point) => (pieces ? pieces[point].endsWith(" ") : (kindTable[point] & SPACE) > 0);
  const pointBuffer = new Uint32Array(utf8.length), firstBuffer = new Uint32Array(utf8.length + 1);
  let m = 0;
  for (; pieces && m < n; m++) { pointBuffer[m] = utf8[m]; firstBuffer[m] = m; }
  for (let i = pieces ? n : 0; i < utf8.length; m++) {
    const [length, point] = utf8[i] < 0x80 ? [1, utf8[i]] : sequence(i, bytes);
    pointBuffer[m] = length ? point : 0xdc00 + utf8[i];
    firstBuffer[m] = bytes ? i : m;
    i += length || 1;
  }
  firstBuffer[m] = n;
  const points = pointBuffer.subarray(0, m), first = firstBuffer.subarray(0, m + 1); // first symbol of each character
  const charOf = new Uint32Array(n);
  for (let c = 0; c < m; c++) for (let r = first[c]; r < first[c + 1]; r++) charOf[r] = c; // fill() is slower

  const WORD = 1, SPACE = 2, QUOTE = 4, APOSTROPHE = 8, MARK = 16;
  const kindTable = new Uint8Array(0x110000);
  for (const [point, kind] of Object.entries(data.kinds)) kindTable[+point] = kind;
  const after = new Uint8Array(n), mark = new Uint8Array(n), newline = new Uint16Array(n);
  const wordOf = new Int32Array(n).fill(-1), offset = new Uint16Array(n), wordLength = [], wordStart = [];
  if (pieces) { // what follows from the characters that tokens are judged by is given; each token in a word has its own
    const names = ["after", "marks", "newline", "offset", "length"];
    const [afters, marks, ...numbers] = await Promise.all(names.map((name, k) => column(name, k < 2 ? Uint8Array : Uint16Array)));
    after.set(afters); mark.set(marks); newline.set(numbers[0]); offset.set(numbers[1]);
    for (let r = 0; r < n; r++) {
      if (!cut[r]) continue;
      wordOf[r] = wordStart.length;
      wordStart.push(r);
      wordLength.push(numbers[2][r]);
    }
  } else {
    const inWord = (c) => (cut ? cut[first[c]] > 0 : (kindTable[points[c]] & WORD) > 0);
    let since = 0, inside = false; // characters since the last newline, 0 before one
    for (let c = 0; c < m; c++) {
      const from = first[c], to = first[c + 1], gap = c === 0 || gapBefore[from];
      const next = c + 1 < m && !gapBefore[to] ? points[c + 1] : -1;
      if (gap) since = 0;
      const before = gap ? 0 : kindTable[points[c - 1]];
      let kind = 0;
      if (!gap) {
        const between = c > 1 && !gapBefore[first[c - 1]] && inWord(c - 2) && inWord(c);
        if (before & SPACE) kind = 1;
        if (before & QUOTE || (before & APOSTROPHE && !between)) kind = 2;
        if (points[c - 1] === 10 || (points[c - 1] === 13 && points[c] !== 10)) kind = 3;
      }
      const own = kindTable[points[c]];
      if (inWord(c)) {
        if (cut ? cut[from] === 1 : !inside || gap) { wordStart.push(from); wordLength.push(0); }
        inside = true;
      } else inside = false;
      const word = wordStart.length - 1, at = inside ? Math.min(wordLength[word]++, 65535) : 0;
      for (let r = from; r < to; r++) {
        if (inside) { wordOf[r] = word; offset[r] = at; }
        after[r] = kind;
        mark[r] = own & MARK ? 1 : 0;
        newline[r] = Math.min(since, 65535);
      }
      const ends = points[c] === 10 || (points[c] === 13 && next !== 10);
      since = ends ? 1 : since ? since + 1 : 0;
    }
  }

  // --- peeling ------------------------------------------------------------------------------------------------------

  const rules = {
    ngram: (s) => each((r) => (ngram[r] && ngram[r] <= s.ngram ? ngram[r] - 1 : -1)),
    memory: (s) => {
      const slice = new Int8Array(256).fill(-1);
      data.windows.forEach((window, code) => { slice[code] = s.windows.findIndex((limit) => limit >= window); });
      return each((r) => {
        const w = wordOf[r];
        return w >= 0 && offset[r] > 0 && wordLength[w] >= s.length ? slice[memory[w]] : -1;
      });
    },
    rare: (s) => {
      const most = last(s.rare);
      const slice = Int8Array.from({ length: most + 1 }, (_, count) => s.rare.findIndex((limit) => limit >= count));
      return each((r) => (wordOf[r] >= 0 && rare[wordOf[r]] <= most ? slice[rare[wordOf[r]]] : -1));
    },
    word: (s) => each((r) => (after[r] === 1 || after[r] === 2 ? 0 : newline[r] > 0 && newline[r] <= s.reach ? 1 : -1)),
    punctuation: () => each((r) => mark[r] - 1),
  };

  function each(rule) {
    const slices = new Int8Array(n);
    for (let r = 0; r < n; r++) slices[r] = rule(r);
    return slices;
  }

  const known = new Map(); // slices by layer and what it depends on
  function slicesOf(name, s) {
    const depends = new Map([["ngram", [s.ngram]], ["memory", [s.windows, s.length]], ["rare", [s.rare]], ["word", [s.reach]]]);
    const key = name + JSON.stringify(depends.get(name) || []);
    if (!known.has(key)) {
      for (const old of known.keys()) if (old.startsWith(name + "[")) known.delete(old);
      known.set(key, Object.hasOwn(own, name) ? each((r) => own[name][r] - 1) : rules[name](s));
    }
    return known.get(key);
  }

  function sliceNames(name, s) {
    if (Object.hasOwn(own, name)) return layerOf[name].own;
    if (name === "ngram") return Array.from({ length: s.ngram }, (_, k) => `${k + 1}-gram`);
    if (name === "memory") return s.windows.map((window) => `${window} memory`);
    if (name === "rare") return s.rare.map((count) => `${count}-train`);
    if (name === "word") return ["after space or quote", "after newline"];
    if (name === "boost") return s.boosts.map((boost) => `${short(boost)} boost`);
    return [name];
  }

  // Errors of a model by layer and slice, and by the set of layers that claim them.
  function peel(model, s) {
    const order = s.layers, L = order.length, arrays = order.map((name) => (name === "boost" ? null : slicesOf(name, s)));
    const threshold = s.threshold || 0.5, levels = model.levels;
    const wrong = levels.map((p) => p !== null && p < threshold);
    const boost = levels.map((p) => s.boosts.findIndex((b) => p + b >= threshold));
    const layer = new Int8Array(n).fill(-1), slice = new Int8Array(n).fill(-1), claims = new Uint32Array(n);
    const counts = Array.from({ length: L + 1 }, () => new Uint32Array(128)), sets = new Uint32Array(1 << L);
    let errors = 0, positions = 0;
    for (let r = 0; r < n; r++) {
      const level = model.level[r];
      if (levels[level] === null) continue;
      positions++;
      if (s.threshold === null ? model.guess[r] === 0 : !wrong[level]) continue;
      errors++;
      let set = 0, taker = L, part = 0;
      for (let l = L - 1; l >= 0; l--) {
        const k = arrays[l] === null ? boost[level] : arrays[l][r];
        if (k >= 0) { set |= 1 << l; taker = l; part = k; }
      }
      layer[r] = taker; slice[r] = part; claims[r] = set;
      counts[taker][part]++;
      sets[set]++;
    }
    return { order, layer, slice, claims, counts, sets, errors, positions };
  }

  // Shapley's share of each layer before boost, and the least and the most that it takes in any order.
  function orderFree(found) {
    const players = found.order.map((name, l) => l).filter((l) => found.order[l] !== "boost");
    const mask = players.reduce((sum, l) => sum | (1 << l), 0), shares = {}, overlaps = new Map();
    for (const l of players) shares[found.order[l]] = { fair: 0, unique: 0, solo: 0 };
    found.sets.forEach((count, set) => {
      if (!count) return;
      const members = players.filter((l) => set & (1 << l));
      overlaps.set(set & mask, (overlaps.get(set & mask) || 0) + count);
      for (const l of members) {
        const share = shares[found.order[l]];
        share.fair += count / members.length;
        share.solo += count;
        if (members.length === 1) share.unique += count;
      }
    });
    const named = [...overlaps].map(([set, count]) => [players.filter((l) => set & (1 << l)).map((l) => found.order[l]), count]);
    return { shares, overlaps: named.sort((a, b) => b[1] - a[1] || (String(a[0]) < String(b[0]) ? -1 : 1)) };
  }

  // --- settings: in the controls, and in the page's address -----------------------------------------------------------

  const base = data.settings;
  const fixed = base.made_for === "tokens"; // layers by the settings alone: the n-grams' depends on what an error is
  const ladder = (values, most) => [...values.filter((value) => value < most), most];
  const last = (values) => values[values.length - 1];
  const short = (value) => String(+value.toPrecision(12));
  const fresh = () => ({
    layers: [...base.layers], ngram: base.ngram_max, window: last(base.memory_windows), length: base.memory_min_length, rare: last(base.rare_counts),
    reach: base.newline_reach, threshold: base.threshold, boost: last(base.boosts), pos: null,
  });
  let state = fresh();

  const settingsOf = (s) => ({
    ...s, windows: ladder(base.memory_windows, s.window), rare: ladder(base.rare_counts, s.rare), boosts: ladder(base.boosts, s.boost),
  });

  function writeAddress() {
    const before = fresh(), parts = [];
    for (const key of Object.keys(before)) {
      const value = key === "threshold" && state[key] === null ? "argmax" : String(state[key]);
      if (String(state[key]) !== String(before[key])) parts.push(`${key}=${encodeURIComponent(value).replaceAll("%2C", ",")}`);
    }
    const address = parts.length ? "#" + parts.join("&") : location.pathname + location.search;
    try { history.replaceState(null, "", address); } catch { /* a browser may refuse it; the view is the same */ }
  }

  function readAddress() {
    const given = new URLSearchParams(location.hash.slice(1));
    state = fresh();
    const whole = (key, low, high) => {
      const value = Number(given.get(key));
      if (given.has(key) && Number.isInteger(value) && value >= low && value <= high) state[key] = value;
    };
    whole("ngram", 1, Math.max(data.longest, 1));
    whole("length", 1, Math.max(12, base.memory_min_length));
    whole("rare", 0, Math.max(20, last(base.rare_counts)));
    whole("reach", 1, Math.max(10, base.newline_reach));
    whole("pos", 0, Number.MAX_SAFE_INTEGER);
    const listed = (key, values) => {
      if (given.has(key) && values.includes(Number(given.get(key)))) state[key] = Number(given.get(key));
    };
    listed("window", data.windows);
    listed("boost", [...data.steps, last(base.boosts)]);
    listed("threshold", [...data.steps, base.threshold]);
    if (fixed) state.threshold = base.threshold;
    else if (given.get("threshold") === "argmax" && data.models.every((model) => model.guess)) state.threshold = null;
    const layers = (given.get("layers") || "").split(",").filter((name, k, all) => names.includes(name) && all.indexOf(name) === k);
    if (layers.length) state.layers = layers;
  }

  // --- small things to build with ------------------------------------------------------------------------------------

  function make(tag, attributes = {}, ...children) {
    const svg = ["svg", "path", "text", "title", "g", "desc"].includes(tag);
    const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (value !== false && value !== null) element.setAttribute(key, value === true ? "" : value);
    }
    element.append(...children);
    return element;
  }

  const number = (value) => value.toLocaleString("en-US");
  const percent = (part, whole) => `${(whole ? (100 * part) / whole : 0).toFixed(2)} %`;

  // --- live: controls -------------------------------------------------------------------------------------------------

  const controls = $("#controls"), list = $("#order");

  function slider(key, label, values, show = String, hint = "") {
    const id = "set-" + key;
    const input = make("input", { type: "range", id, min: 0, max: values.length - 1, step: 1 });
    const output = make("output", { for: id });
    const at = () => values.indexOf(state[key]);
    input.addEventListener("input", () => { state[key] = values[+input.value]; changed(); });
    controls.append(make("div", { class: "control" }, make("label", { for: id }, label), input, output, hint && make("small", {}, hint)));
    return () => {
      input.value = at();
      output.textContent = show(state[key]);
      input.setAttribute("aria-valuetext", show(state[key]));
    };
  }

  const upTo = (low, high) => Array.from({ length: high - low + 1 }, (_, k) => low + k);
  const refresh = [];
  if (data.longest && !own.ngram) refresh.push(slider("ngram", "n-grams: longest context", upTo(1, data.longest), (v) => `${v} symbols`));
  if (!own.memory) refresh.push(slider("window", "Memory: farthest earlier occurrence", data.windows, (v) => `${number(v)} symbols`));
  if (!own.memory) refresh.push(slider("length", "Memory: shortest word", upTo(1, Math.max(12, base.memory_min_length)), (v) => `${v} characters`));
  if (rare) refresh.push(slider("rare", "Rare words: at most this often in training", upTo(0, Math.max(20, last(base.rare_counts))), (v) => `${v} ×`));
  if (!own.word) refresh.push(slider("reach", "Word model: how far after a newline", upTo(1, Math.max(10, base.newline_reach)), (v) => `${v} characters`));
  const thresholds = [...new Set([...data.steps, ...(base.threshold ? [base.threshold] : [])])].sort((a, b) => a - b);
  if (data.models.every((model) => model.guess)) thresholds.push(null);
  if (!fixed) refresh.push(slider("threshold", "An error is a symbol with", thresholds, (v) => (v === null ? "another one ranked first" : `p < ${short(v)}`)));
  const boosts = [...new Set([...data.steps, last(base.boosts)])].sort((a, b) => a - b);
  if (names.includes("boost")) refresh.push(slider("boost", "Boost: largest step", boosts, (v) => `+ ${short(v)}`));

  let dragged = null;
  function showOrder() {
    const focused = document.activeElement && document.activeElement.dataset ? document.activeElement.dataset.key : null;
    const all = [...state.layers, ...names.filter((name) => !state.layers.includes(name))];
    list.replaceChildren(...all.map((name) => {
      const on = state.layers.includes(name), k = state.layers.indexOf(name), title = layerOf[name].title;
      const box = make("input", { type: "checkbox", id: "on-" + name, "data-key": "on-" + name, onchange: () => {
        const left = on ? state.layers.filter((other) => other !== name) : [...state.layers, name];
        if (left.length) state.layers = left;
        changed();
      } });
      box.checked = on;
      const move = (by, arrow, word) => make("button", {
        type: "button", "data-key": word + name, "aria-label": `${title} ${word}`, disabled: !on || !state.layers[k + by], onclick: () => {
          const moved = [...state.layers];
          [moved[k], moved[k + by]] = [moved[k + by], moved[k]];
          state.layers = moved;
          changed();
        },
      }, arrow);
      return make("li", {
        class: `k-${name}${on ? "" : " off"}`, draggable: on ? "true" : false,
        ondragstart: () => { dragged = name; }, ondragover: (event) => { if (dragged && on) event.preventDefault(); },
        ondrop: (event) => {
          event.preventDefault();
          const left = state.layers.filter((other) => other !== dragged);
          left.splice(k, 0, dragged);
          state.layers = left; dragged = null;
          changed();
        },
      }, box, make("label", { for: "on-" + name }, `${layerOf[name].letter}  ${title}`), move(-1, "↑", "earlier"), move(1, "↓", "later"));
    }));
    if (focused) {
      const again = list.querySelector(`[data-key="${focused}"]`);
      if (again && again.disabled) $(`[data-key="on-${focused.replace(/^(earlier|later|on-)/, "")}"]`, list).focus();
      else if (again) again.focus();
    }
  }

  $("#reset").addEventListener("click", () => { const { pos } = state; state = { ...fresh(), pos }; changed(); });

  // --- live: figures and tables -----------------------------------------------------------------------------------------

  function shade(colour, k, size) {
    const amount = 0.12 + (0.5 * k) / Math.max(size - 1, 1);
    return "#" + [1, 3, 5].map((i) => {
      const c = parseInt(colour.slice(i, i + 2), 16);
      return Math.round(c + (255 - c) * amount).toString(16).padStart(2, "0");
    }).join("");
  }

  function ring(start, share, inner, outer) {
    const turn = (part, radius) => {
      const angle = 2 * Math.PI * Math.min(part, start + Math.min(share, 0.99999)) - Math.PI / 2;
      return `${(radius * Math.cos(angle)).toFixed(2)} ${(radius * Math.sin(angle)).toFixed(2)}`;
    };
    const large = share > 0.5 ? 1 : 0, end = start + share;
    return `M${turn(start, outer)}A${outer} ${outer} 0 ${large} 1 ${turn(end, outer)}L${turn(end, inner)}A${inner} ${inner} 0 ${large} 0 ${turn(start, inner)}Z`;
  }

  function pie(model, found, s) {
    const svg = make("svg", { viewBox: "-104 -104 208 208", role: "img", "aria-label": `Errors of ${model.name} by layer and slice; the numbers are in the table below` });
    let turned = 0;
    [...found.order, "rest"].forEach((name, l) => {
      const slices = sliceNames(name, s), total = found.counts[l].reduce((a, b) => a + b, 0);
      if (!total) return;
      const share = total / found.errors;
      const wedge = (part, inner, outer, colour, label) => {
        const path = make("path", { d: ring(turned, part, inner, outer), fill: colour, class: "wedge" });
        path.append(make("title", {}, label));
        svg.append(path);
      };
      wedge(share, 36, 70, layerOf[name].colour, `${layerOf[name].title}: ${number(total)}, ${percent(total, found.errors)}`);
      if (share > 0.03) {
        const angle = 2 * Math.PI * (turned + share / 2) - Math.PI / 2;
        const at = { x: (53 * Math.cos(angle)).toFixed(2), y: (53 * Math.sin(angle) + 3.5).toFixed(2), class: "letter" };
        svg.append(make("text", at, layerOf[name].letter));
      }
      slices.forEach((slice, k) => {
        const count = found.counts[l][k];
        if (!count) return;
        wedge(count / found.errors, 70, 100, shade(layerOf[name].colour, k, slices.length), `${slice}: ${number(count)}, ${percent(count, found.errors)}`);
        turned += count / found.errors;
      });
    });
    svg.append(make("text", { x: 0, y: -1, class: "middle" }, number(found.errors)));
    svg.append(make("text", { x: 0, y: 10, class: "small" }, `errors of ${number(found.positions)}`));
    return make("figure", {}, svg, make("figcaption", {}, model.name));
  }

  function bar(share, colour) {
    const inner = make("i", {});
    inner.style.width = `${100 * share}%`;
    inner.style.background = colour;
    return make("div", { class: "bar", "aria-hidden": "true" }, inner);
  }

  function row(kind, label, name, cells) {
    const head = make("th", { scope: "row", class: `t k-${name}` }, label);
    return make("tr", { class: kind }, head, ...cells.map((cell) => make("td", {}, cell)));
  }

  const both = data.models.length > 1, blank = both ? [""] : ["", ""];

  function showLive(all, s) {
    $("#pies").replaceChildren(...all.map((found, k) => pie(data.models[k], found, s)));
    const free = all.map(orderFree), largest = Math.max(1, ...all.flatMap((found) => found.counts.flatMap((list) => [...list])));
    const body = [];
    [...s.layers, "rest"].forEach((name, l) => {
      const totals = all.map((found) => found.counts[l].reduce((a, b) => a + b, 0));
      if (name === "rest" && !totals.some(Boolean)) return;
      body.push(row("layer", `${layerOf[name].letter}  ${layerOf[name].title}`, name, all.flatMap((found, k) => {
        const share = free[k].shares[name];
        const fair = share ? percent(share.fair, found.errors) : "";
        const order = share ? `${percent(share.unique, found.errors).slice(0, -2)} – ${percent(share.solo, found.errors)}` : "";
        return [number(totals[k]), percent(totals[k], found.errors), fair, ...(both ? [] : [order]), ""];
      })));
      const slices = sliceNames(name, s);
      if (slices.length > 1) slices.forEach((slice, k) => {
        body.push(row("", slice, name, all.flatMap((found) => {
          const count = found.counts[l][k];
          return [number(count), percent(count, found.errors), ...blank, bar(count / largest, shade(layerOf[name].colour, k, slices.length))];
        })));
      });
    });
    body.push(row("total", "all errors", "none", all.flatMap((found) => [number(found.errors), percent(found.errors, found.positions) + " of all", ...blank, ""])));
    $("#live-table tbody").replaceChildren(...body);
    $("#overlap-table tbody").replaceChildren(...free[0].overlaps.slice(0, 20).map(([members, count]) => make("tr", {},
      make("th", { scope: "row", class: "t" }, members.map((name) => layerOf[name].title).join(" + ") || "none of them"),
      ...s.layers.filter((name) => name !== "boost").map((name) => make("td", { class: "dot" }, members.includes(name) ? "●" : "·")),
      make("td", {}, number(count)), make("td", {}, percent(count, all[0].errors)), make("td", {}, bar(count / free[0].overlaps[0][1], "#0072B2")))));
    const heads = s.layers.filter((name) => name !== "boost").map((name) => make("th", { scope: "col", class: "dot" }, layerOf[name].letter));
    $("#overlap-table thead tr").replaceChildren(make("th", { scope: "col", class: "t" }, "claimed by exactly"), ...heads,
      ...["errors", "share"].map((name) => make("th", { scope: "col" }, name)), make("td", {}));
    $("#live-said").textContent = all.map((found, k) => `${data.models[k].name}: ${number(found.errors)} errors`).join("; ");
  }

  let current = [], currentSettings = settingsOf(state);
  function changed(address = true) {
    currentSettings = settingsOf(state);
    const start = performance.now();
    current = data.models.map((model) => peel(model, currentSettings));
    document.body.dataset.milliseconds = (performance.now() - start).toFixed(2);
    for (const update of refresh) update();
    showOrder();
    showLive(current, currentSettings);
    applyFilter();
    if (address) writeAddress();
  }

  // --- the text browser -----------------------------------------------------------------------------------------------

  const pane = $("#pane"), canvas = $("#canvas"), detail = $("#detail"), LINE = 38;
  let lines = [], mask = new Uint8Array(n), focused = -1, matches = 0;
  const choose = { colour: $("#by"), layer: $("#f-layer"), slice: $("#f-slice"), claim: $("#f-claim"), change: $("#f-change"), bits: $("#f-bits"), regex: $("#f-regex") };
  const shownModel = () => (choose.colour.value === "change" ? 0 : +choose.colour.value);

  const glyph = (point) => pieces ? pieces[point] : data.signs[point] ?? String.fromCodePoint(point); // what cannot be seen, as a visible sign

  const glyphWidths = new Map();
  function widthOf(point) { // in columns of a letter
    if (pieces) return pieces[point].length;
    if (point > 0x20 && point < 0x7f) return 1;
    if (!glyphWidths.has(point)) glyphWidths.set(point, point in data.signs ? glyph(point).length : point >= 0x1100 ? 2 : 1);
    return glyphWidths.get(point);
  }

  function layOut() {
    const probe = make("span", {}, "0".repeat(50));
    canvas.replaceChildren(probe);
    const width = probe.getBoundingClientRect().width / 50 || 9;
    const most = Math.max(20, Math.floor((pane.clientWidth - 24) / width) - 1);
    lines = [0];
    let columns = 0, space = -1, atSpace = 0;
    for (let c = 0; c < m; c++) {
      if (documentBefore[first[c]]) { if (last(lines) !== c) lines.push(c); columns = 0; }
      if (columns >= most && !endsLine(points[c]) && (pieces || points[c] !== 13)) {
        const breaks = space > last(lines) && columns - atSpace < most / 2;
        lines.push(breaks ? space : c);
        columns = breaks ? columns - atSpace : 0;
      }
      columns += widthOf(points[c]);
      if (isBlank(points[c])) { space = c + 1; atSpace = columns; }
      if (endsLine(points[c])) { lines.push(c + 1); columns = 0; }
    }
    canvas.style.height = `${lines.length * LINE}px`;
    draw();
  }

  const lineOf = (c) => {
    let low = 0, high = lines.length - 1;
    while (low < high) { const middle = (low + high + 1) >> 1; if (lines[middle] <= c) low = middle; else high = middle - 1; }
    return low;
  };

  function changeAt(r) {
    const a = current[0].layer[r] >= 0, b = current[1].layer[r] >= 0;
    return a ? (b ? "kept" : "fixed") : b ? "new" : "";
  }

  function draw() {
    if (!lines.length) return; // not laid out yet
    const from = Math.max(0, Math.floor(pane.scrollTop / LINE) - 4);
    const to = Math.min(lines.length, from + Math.ceil(pane.clientHeight / LINE) + 8);
    const change = choose.colour.value === "change", found = current[shownModel()], pieces = [];
    for (let line = from; line < to; line++) {
      const another = line > 0 && documentBefore[first[lines[line]]];
      const element = make("div", another ? { class: "line doc", title: "another document" } : { class: "line" });
      element.style.top = `${line * LINE}px`;
      let plain = "";
      const end = line + 1 < lines.length ? lines[line + 1] : m;
      for (let c = lines[line]; c < end; c++) {
        let error = -1;
        for (let r = first[c]; r < first[c + 1]; r++) if (mask[r]) { error = r; break; }
        const shown = glyph(points[c]);
        const here = focused >= first[c] && focused < first[c + 1];
        if (error < 0 && !here) { plain += shown; continue; }
        if (plain) { element.append(plain); plain = ""; }
        const kind = error < 0 ? "" : change ? `e c-${changeAt(error)}` : `e l-${[...found.order, "rest"][found.layer[error]]}`;
        element.append(make("span", { class: kind + (here ? " here" : ""), "data-r": error < 0 ? focused : error }, shown));
      }
      if (plain) element.append(plain);
      pieces.push(element);
    }
    canvas.replaceChildren(...pieces);
  }

  function applyFilter() {
    const change = choose.colour.value === "change", found = current[shownModel()];
    const least = Math.ceil(+choose.bits.value || 0);
    const allLayers = [...found.order, "rest"];
    const layers = [...new Set(allLayers)].filter((name, l) => name !== "rest" || found.counts[l].some(Boolean));
    fill(choose.layer, "every layer", layers.map((name) => [name, `${layerOf[name].letter}  ${layerOf[name].title}`]));
    const wantedLayer = choose.layer.value;
    const slices = wantedLayer ? sliceNames(wantedLayer, currentSettings) : [];
    fill(choose.slice, "every slice", slices.map((name) => [name, name]));
    fill(choose.claim, "anybody", found.order.map((name) => [name, layerOf[name].title]));
    const claim = choose.claim.value, claimBit = claim ? 1 << found.order.indexOf(claim) : 0;
    const wantedSlice = choose.slice.value ? slices.indexOf(choose.slice.value) : -1;
    const inside = regexRows();
    const model = data.models[shownModel()], bits = model.levels.map((p) => (p === null ? 0 : -Math.log2(p)));
    const l = wantedLayer ? allLayers.indexOf(wantedLayer) : -1;
    matches = 0;
    for (let r = 0; r < n; r++) {
      let yes = change ? changeAt(r) !== "" : found.layer[r] >= 0;
      if (yes && !(change && found.layer[r] < 0)) {
        yes = (!wantedLayer || found.layer[r] === l) && (wantedSlice < 0 || found.slice[r] === wantedSlice)
          && (!claim || (found.claims[r] & claimBit) > 0);
      } else if (yes) yes = !wantedLayer && !claim;
      if (yes && both && choose.change.value) yes = changeAt(r) === choose.change.value;
      if (yes && least) yes = bits[model.level[r]] >= least;
      if (yes && inside) yes = inside[r] === 1;
      mask[r] = yes ? 1 : 0;
      matches += mask[r];
    }
    $("#matches").textContent = `${number(matches)} ${change ? "symbols" : "errors"} shown${inside && regexCut ? " (the search took too long: not the whole text)" : ""}`;
    draw();
    describe();
  }

  function fill(select, all, options) {
    const before = select.value;
    select.replaceChildren(make("option", { value: "" }, all), ...options.map(([value, text]) => make("option", { value }, text)));
    select.value = [...select.options].some((option) => option.value === before) ? before : "";
    select.disabled = !options.length;
  }

  let wholeText = null, regexCut = false;
  function regexRows() {
    const source = choose.regex.value;
    choose.regex.removeAttribute("aria-invalid");
    if (!source) return null;
    let expression;
    try { expression = new RegExp(source, "gu"); } catch { choose.regex.setAttribute("aria-invalid", "true"); return null; }
    if (wholeText === null) {
      const units = [];
      wholeText = "";
      for (let c = 0; pieces && c < m; c++) {
        wholeText += pieces[points[c]];
        for (let k = 0; k < pieces[points[c]].length; k++) units.push(c); // a match marks each token that it touches
      }
      for (let c = 0; !pieces && c < m; c += 4096) wholeText += String.fromCodePoint(...points.subarray(c, Math.min(c + 4096, m)));
      for (let c = 0; !pieces && c < m; c++) { units.push(c); if (points[c] > 0xffff) units.push(c); }
      wholeText = { text: wholeText, units: Uint32Array.from([...units, m]) };
    }
    regexCut = false;
    const rows = new Uint8Array(n), until = performance.now() + 2000;
    for (const found of wholeText.text.matchAll(expression)) {
      if (found[0].length) rows.fill(1, first[wholeText.units[found.index]], pieces ? wholeText.units[found.index + found[0].length - 1] + 1 : first[wholeText.units[found.index + found[0].length]]);
      if (performance.now() > until) { regexCut = true; break; }
    }
    return rows;
  }

  function focusRow(r, scroll = true) {
    focused = r;
    state.pos = r < 0 ? null : positionOf(r);
    if (r >= 0 && scroll) {
      const top = lineOf(charOf[r]) * LINE;
      if (top < pane.scrollTop + LINE || top > pane.scrollTop + pane.clientHeight - 3 * LINE) pane.scrollTop = top - pane.clientHeight / 2;
    }
    draw();
    describe();
    writeAddress();
  }

  function step(by) {
    let r = focused < 0 ? rowAtTop() - (by > 0 ? 1 : 0) : focused;
    for (r += by; r >= 0 && r < n; r += by) if (mask[r]) { focusRow(r); return; }
  }

  const rowAtTop = () => first[lines[Math.min(Math.floor(pane.scrollTop / LINE), lines.length - 1)]];
  const textOf = (from, to) => { let text = ""; for (let c = Math.max(from, 0); c < Math.min(to, m); c++) text += glyph(points[c]); return text; };

  function symbolOf(code) {
    return bytes && code > 127 ? `byte ${code.toString(16).toUpperCase()}` : `“${glyph(code)}”`;
  }

  function earlierDistance(w) {
    if (pieces) return null; // the words of tokens are not in the page
    const start = wordStart[w];
    let end = start;
    while (end < n && wordOf[end] === w) end++;
    const from = bytes ? start : charOf[start], length = bytes ? end - start : end - start;
    const at = (i) => (bytes ? utf8[i] : points[i]);
    for (let i = from - length, least = documentAround(start)[0]; i >= least; i--) {
      let k = 0;
      while (k < length && at(i + k) === at(from + k) && !(k && gapBefore[i + k])) k++;
      if (k === length) return positionOf(start) - positionOf(i);
    }
    return null;
  }

  function describe() {
    if (focused < 0) { detail.replaceChildren(make("p", {}, "Click a marked symbol, or press n for the next one.")); return; }
    const r = focused, c = charOf[r], said = [], w = wordOf[r];
    const [begin, end] = documentAround(r), from = charOf[begin], to = end < n ? charOf[end] : m;
    const context = make("p", { class: "context" }, textOf(Math.max(c - 40, from), c), make("b", {}, textOf(c, c + 1)), textOf(c + 1, Math.min(c + 21, to)));
    if (ngram && ngram[r]) said.push(`a ${ngram[r]}-gram gives it p > 0.5`);
    if (w >= 0 && offset[r] > 0 && memory[w] !== 255) {
      const distance = earlierDistance(w);
      said.push(distance ? `its word was seen ${number(distance)} symbols ago` : "its word was seen before");
    }
    if (rare && w >= 0) said.push(rare[w] === 0 ? "its word is not in the training text" : `its word occurs ${rare[w] === many ? `${many} times or more` : rare[w] + " ×"} in the training text`);
    if (after[r]) said.push(`after a ${["", "space", "quote", "newline"][after[r]]}`);
    if (newline[r] > 1) said.push(`${number(newline[r])} characters after a newline`);
    if (mark[r]) said.push("punctuation");
    for (const name of Object.keys(own)) if (own[name][r]) said.push(`${layerOf[name].title}${layerOf[name].own.length > 1 ? ": " + layerOf[name].own[own[name][r] - 1] : ""}`);
    const verdicts = data.models.map((model, k) => {
      const found = current[k], p = model.levels[model.level[r]], l = found.layer[r];
      const name = [...found.order, "rest"][l];
      const value = p === null ? "not predicted" : `p ≈ ${p >= 0.0095 ? p.toFixed(2) : p.toExponential(0)}, ${(-Math.log2(p)).toFixed(1)} bits`;
      const guess = model.guess && p !== null ? `; its guess: ${model.guess[r] ? (model.guesses.length ? symbolOf(model.guesses[model.guess[r] - 1]) : "another one") : "this one"}` : "";
      const verdict = p === null ? "" : l < 0 ? "; right" : `; error: ${layerOf[name].letter} ${layerOf[name].title}, ${sliceNames(name, currentSettings)[found.slice[r]]}`;
      return make("li", {}, `${model.name}: ${value}${guess}${verdict}`);
    });
    const head = make("p", {}, make("strong", {}, `position ${number(positionOf(r))}`), both && changeAt(r) ? ` · ${changeAt(r)}` : "");
    detail.replaceChildren(head, context, make("ul", {}, ...verdicts), make("p", {}, said.length ? said.join("; ") + "." : "No oracle has anything to say."));
  }

  const dialog = $("#help");
  function onKey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    if (event.key === "n") step(1);
    else if (event.key === "p") step(-1);
    else if (event.key === "?") dialog.showModal();
    else if (/^[1-9]$/.test(event.key) && current[0].order[+event.key - 1]) {
      const name = current[0].order[+event.key - 1];
      choose.layer.value = choose.layer.value === name ? "" : name;
      choose.slice.value = "";
      applyFilter();
    } else return;
    event.preventDefault();
  }

  // --- begin ------------------------------------------------------------------------------------------------------------

  for (const element of document.querySelectorAll("[data-live]")) element.hidden = false;
  for (const element of document.querySelectorAll(".no-script")) element.hidden = true;
  readAddress();
  changed(false);
  layOut();
  if (state.pos !== null) { focusRow(rowOf(state.pos)); pane.scrollIntoView({ block: "center" }); }
  for (const select of Object.values(choose)) if (select) select.addEventListener(select.tagName === "INPUT" ? "input" : "change", applyFilter);
  $("#next").addEventListener("click", () => step(1));
  $("#previous").addEventListener("click", () => step(-1));
  $("#help-button").addEventListener("click", () => dialog.showModal());
  pane.addEventListener("scroll", draw, { passive: true });
  pane.addEventListener("click", (event) => { const r = event.target.dataset && event.target.dataset.r; if (r !== undefined) focusRow(+r, false); });
  document.addEventListener("keydown", onKey);
  for (const link of document.querySelectorAll("nav a")) link.addEventListener("click", (event) => {
    event.preventDefault(); // the address keeps the view
    const section = document.getElementById(link.hash.slice(1));
    section.tabIndex = -1;
    section.focus();
    section.scrollIntoView();
  });
  addEventListener("hashchange", () => {
    if (document.getElementById(location.hash.slice(1))) return; // a link to a section
    readAddress(); changed(false); if (state.pos !== null) focusRow(rowOf(state.pos)); });
  let width = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; const r = rowAtTop(); layOut(); pane.scrollTop = lineOf(charOf[r]) * LINE; } });
  document.body.dataset.opened = performance.now().toFixed(0);
  document.body.dataset.ready = "yes";
})();
