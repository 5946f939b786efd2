"use strict";
// The page: reads its columns, keeps the state, and tells the panes what to show; as a worker it resamples.

const REST_MS = 120; // after which a hand that moves a slider rests

// What a worker is asked: intervals of peels, and of the difference of two.
function resample({ sums, pair, how }) {
  return {
    ends: sums.map((each) => (each ? peelIntervals(each, how) : null)),
    pair: pair ? pairIntervals(sums[pair[0]], sums[pair[1]], how) : null,
  };
}

function makeBench(data, text, models) {
  const bench = {
    data, text, models, layers: data.layers, source: { columns: text.columns, scales: data.scales },
    state: freshState(data), settings: null, reference: null, lit: null, moved: false,
  };
  let peels = [], resampled = { ends: [], pair: null, of: "" }, asked = "", timer = 0;

  bench.layerOf = (name) => (name === "rest" ? REST : data.layers.find((layer) => layer.name === name));
  bench.layerAt = (found, l) => bench.layerOf(found.order[l] ?? "rest");
  bench.found = (k) => (peels[k] ??= peel(models[k], bench.layers, bench.settings, bench.source));
  bench.current = () => resampled.of === viewOf();
  bench.endsOf = (k) => (bench.current() ? resampled.ends[k] : null);
  bench.ends = (key) => bench.endsOf(bench.state.model)?.[key] ?? null;
  bench.pair = () => (bench.current() ? resampled.pair : null);

  const viewOf = () => {
    const { model, against, view } = bench.state;
    return JSON.stringify([bench.settings, model, against, view === "trend"]);
  };

  function showNumbers() {
    panes.table.show();
    $("#finding").textContent = findingOf(bench);
    if (bench.state.view === "trend") panes.figures.show();
  }

  function askIntervals() {
    clearTimeout(timer);
    asked = viewOf();
    timer = setTimeout(() => {
      const { model, against } = bench.state, wanted = data.models.map((_, k) =>
        k === model || k === against || bench.state.view === "trend");
      const players = playersOf(bench.settings.layers, bench.layers);
      const sizes = [...bench.settings.layers.map((name) => sliceNames(bench.layerOf(name), bench.settings).length), 1];
      const sums = wanted.map((each, k) =>
        (each ? unitSums(models[k], bench.found(k), players, data.units, sizes) : null));
      const start = performance.now(), of = asked;
      bench.worker.ask({ sums, pair: against === null ? null : [against, model], how: data.resampling }, (answer) => {
        if (of !== viewOf()) return;
        resampled = { ...answer, of };
        document.body.dataset.resampled = (performance.now() - start).toFixed(0);
        showNumbers();
        document.body.dataset.settled = "yes";
      });
    }, REST_MS);
  }

  // Another peel: every pane follows.
  bench.changed = ({ moving = false } = {}) => {
    bench.moved = true;
    document.body.dataset.settled = "no";
    if (moving && !bench.reference) bench.reference = sharesOf(bench);
    if (!moving) bench.reference = null;
    const start = performance.now();
    bench.settings = settingsOf(data, bench.state);
    peels = [];
    for (const k of [bench.state.model, bench.state.against]) if (k !== null) bench.found(k);
    document.body.dataset.milliseconds = (performance.now() - start).toFixed(2);
    for (const pane of [panes.controls, panes.figures, panes.table, panes.browser]) pane.show();
    $("#finding").textContent = findingOf(bench);
    bench.writeAddress();
    askIntervals();
  };
  bench.letGo = () => { bench.reference = null; panes.table.show(); };
  // Another part of the same peel.
  bench.picked = () => { panes.table.mark(); panes.browser.show(); bench.writeAddress(); };
  bench.pick = (layer, slice, mark = null) => {
    const { state } = bench, same = state.layer === layer && state.slice === slice && (!mark || state.mark === mark);
    Object.assign(state, { layer: same ? "" : layer, slice: same ? null : slice });
    if (mark) state.mark = same ? "all" : mark;
    bench.picked();
    panes.browser.top();
    if (!same) panes.browser.step(1);
  };
  bench.pickClaims = (set) => panes.browser.filters.claims(set);
  bench.viewed = () => {
    panes.figures.show();
    bench.writeAddress();
    if (bench.state.view === "trend") askIntervals();
  };
  bench.light = (layer, slice, text = true) => {
    bench.lit = layer === null || !text ? null : [layer, slice];
    for (const pane of [panes.figures, panes.table]) pane.light(layer, slice);
    panes.browser.light(...(bench.lit ?? [null, null]));
  };
  bench.writeAddress = () => {
    const address = addressOf(data, bench.state) || location.pathname + location.search;
    try { history.replaceState(null, "", address); } catch { /* a browser may refuse it; the view is the same */ }
  };

  bench.settings = settingsOf(data, bench.state);
  bench.worker = makeWorker();
  const panes = {
    controls: makeControls(bench), figures: makeFigures(bench), table: makeTable(bench), browser: makeBrowser(bench),
  };
  bench.panes = panes;
  return bench;
}

// The shares before a slider is moved, to say by how much they change.
function sharesOf(bench) {
  const found = bench.found(bench.state.model), names = [...found.order, "rest"], settings = bench.settings;
  const sizes = names.map((name) => sliceNames(bench.layerOf(name), settings));
  return { get(name, k) {
    const l = names.indexOf(name);
    return l < 0 || (k !== null && k >= sizes[l].length) ? undefined : sumAt(found.counts[l], k) / (found.errors || 1);
  } };
}

// The same script in another thread; where a browser allows none, in this one.
function makeWorker() {
  const script = document.currentScript ?? [...document.scripts].at(-1), waiting = [];
  let worker = null;
  try {
    worker = new Worker(URL.createObjectURL(new Blob([script.textContent], { type: "text/javascript" })));
    worker.onmessage = (event) => waiting.shift()(event.data);
    worker.onerror = () => { worker = null; };
  } catch { /* answered below */ }
  return {
    ask(question, then) {
      if (!worker) { then(resample(question)); return; }
      waiting.push(then);
      worker.postMessage(question);
    },
  };
}

// --- keys, models, exports -------------------------------------------------------------------------------------------

function listenToKeys(bench) {
  const dialog = $("#help"), { browser } = bench.panes;
  const keys = {
    n: () => browser.step(1), p: () => browser.step(-1),
    "?": () => dialog.showModal(), Escape: () => browser.filters.clear(),
    w: () => { bench.state.order = bench.state.order === "worst" ? "text" : "worst"; bench.picked(); browser.top(); },
  };
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName) && !/range|checkbox/.test(event.target.type);
    if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || (typing && event.key !== "Escape")) return;
    const name = /^[1-9]$/.test(event.key) ? bench.state.layers[+event.key - 1] : undefined;
    if (name) bench.pick(name, null);
    else if (Object.hasOwn(keys, event.key)) keys[event.key]();
    else return;
    event.preventDefault();
  });
  $("#help-button").addEventListener("click", () => dialog.showModal());
}

function listenToModels(bench) {
  const [model, against] = [$("#model"), $("#against")];
  if (!model) return;
  const choose = (other, key, select) => () => {
    const value = select.value === "" ? null : +select.value;
    const same = value !== null && value === bench.state[other];
    if (same) bench.state[other] = other === "against" ? null : bench.state[key];
    bench.state[key] = value;
    if (bench.state.model === null) bench.state.model = value;
    bench.changed();
    showModels(bench);
    $("#about").textContent = aboutOf(bench);
  };
  model.addEventListener("change", choose("against", "model", model));
  against.addEventListener("change", choose("model", "against", against));
}

function showModels(bench) {
  if (!$("#model")) return;
  $("#model").value = String(bench.state.model);
  $("#against").value = bench.state.against === null ? "" : String(bench.state.against);
}

function figureSource() { // the figure as a file of its own, with the styles that it has here
  const svg = $("#figure svg"), copy = svg.cloneNode(true);
  const names = ["fill", "stroke", "stroke-width", "paint-order", "text-anchor", "opacity", "font-size", "font-family",
    "font-weight"];
  const [from, to] = [svg, copy].map((each) => [...each.querySelectorAll("*")]);
  from.forEach((element, k) => {
    const style = getComputedStyle(element);
    for (const name of names) to[k].setAttribute(name, style.getPropertyValue(name));
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  const [, , width, height] = svg.getAttribute("viewBox").split(" ");
  copy.prepend(make("rect", { width, height, fill: getComputedStyle(document.body).backgroundColor }));
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  return { source: new XMLSerializer().serializeToString(copy), width: +width, height: +height };
}

function savePicture() {
  const { source, width, height } = figureSource(), image = new Image();
  const canvas = make("canvas", { width: 3 * width, height: 3 * height });
  image.onload = () => {
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => download("errtax.png", blob));
  };
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(source)}`;
}

function listenToExports(bench) {
  const menu = $("#export"), save = {
    svg: () => download("errtax.svg", new Blob([figureSource().source], { type: "image/svg+xml" })),
    png: savePicture,
    csv: () => download("errtax.csv", new Blob([csvOf(bench)], { type: "text/csv" })),
    link: (button) => {
      const said = button.textContent, back = () => { button.textContent = said; };
      const copied = navigator.clipboard?.writeText(location.href) ?? Promise.reject(new Error("no clipboard"));
      const done = () => { button.textContent = "Copied"; setTimeout(back, 1500); };
      copied.then(done, () => prompt("The link:", location.href));
    },
  };
  menu.addEventListener("click", (event) => {
    const button = event.target.closest("[data-export]");
    if (!button) return;
    save[button.dataset.export](button);
    if (button.dataset.export !== "link") menu.open = false;
  });
  document.addEventListener("pointerdown", (event) => { if (!menu.contains(event.target)) menu.open = false; });
}

function listenToTabs(bench) {
  for (const button of document.querySelectorAll(".tabs [data-pane]")) {
    button.addEventListener("click", () => {
      document.body.dataset.pane = button.dataset.pane;
      for (const each of document.querySelectorAll(".tabs [data-pane]")) {
        each.setAttribute("aria-pressed", String(each === button));
      }
      bench.panes.browser.layOut();
    });
  }
}

// --- begin -----------------------------------------------------------------------------------------------------------

async function start() {
  const data = JSON.parse($("#errtax-page").textContent), raw = await unpackColumns(data.columns);
  delete data.columns;
  const text = readText(data, raw), models = data.models.map((model, k) => readModel(model, k, raw));
  const bench = makeBench(data, text, models);
  const { browser } = bench.panes;
  const goTo = () => { if (bench.state.pos !== null) browser.focusRow(rowOf(text, bench.state.pos)); };
  document.body.classList.add("ready");
  const open = () => {
    bench.state = stateOf(data, location.hash);
    showModels(bench);
  };
  open();
  browser.layOut();
  if (addressOf(data, bench.state)) bench.changed(); // else all stands as it was written
  if (bench.state.layer && bench.state.pos === null) browser.step(1);
  goTo();
  for (const listen of [listenToKeys, listenToModels, listenToExports, listenToTabs]) listen(bench);
  addEventListener("hashchange", () => { open(); bench.changed(); goTo(); });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth !== width) browser.layOut();
    width = innerWidth;
  });
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll(".below details")) each.open = true;
  });
  document.body.dataset.opened = performance.now().toFixed(0);
  document.body.dataset.ready = "yes";
}

if (typeof document === "undefined") onmessage = (event) => postMessage(resample(event.data));
else start();
