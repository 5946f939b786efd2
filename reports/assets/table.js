"use strict";
// The one table: of a model its errors, shares, bits; of two what became of the errors of one in the other.

const MARK_OF = [null, "was", "now", "fixed", "new"]; // what a number of two models counts, by column

// The rows by place and slice (null: the layer itself) with their cells as text; the last one is of all errors.
function tableRows(bench) {
  return bench.state.against === null ? rowsAlone(bench) : rowsAgainst(bench);
}

function partsOfTable(bench, all) { // [place, layer, slice or null, its name, how many slices]
  const now = bench.found(bench.state.model);
  return [...now.order, "rest"].flatMap((name, l) => {
    if (name === "rest" && !all.some((found) => total(found.counts[l]))) return [];
    const layer = bench.layerOf(name), names = sliceNames(layer, bench.settings);
    const slices = names.length > 1 ? names.map((slice, k) => [l, layer, k, slice, 1]) : [];
    return [[l, layer, null, layer.title, names.length], ...slices];
  });
}

const sumAt = (values, k) => (k === null ? total(values) : values[k]);

function rowsAlone(bench) {
  const found = bench.found(bench.state.model), free = orderFree(found, playersOf(found.order, bench.layers));
  const before = bench.reference;
  const bitsAt = (l, k) => (sumAt(found.endless[l], k) ? Infinity : sumAt(found.bits[l], k) / (found.positions || 1));
  const rows = partsOfTable(bench, [found]).map(([l, layer, k, title, slices]) => {
    const count = sumAt(found.counts[l], k), share = count / (found.errors || 1);
    const end = k === null ? `${l}` : `${l}/${k}`;
    const fair = k === null && free.shares.has(l) ? (100 * free.shares.get(l).fair) / (found.errors || 1) : null;
    const bits = bitsAt(l, k), old = before?.get(layer.name, k), shares = bench.ends(`share/${end}`);
    const bitsEnds = Number.isFinite(bits) ? bench.ends(`bits/${end}`) : null, change = 100 * (share - old);
    const said = [number(count), withEnds(share, shares, 2, 100), withEnds(bits, bitsEnds, 3)];
    const known = [count, share, ...(shares ?? ["", ""]), bits, ...(bitsEnds ?? ["", ""])];
    const cells = [...said, fair === null ? "" : fixed(fair, 2)], numbers = [...known, fair === null ? "" : fair / 100];
    const delta = old === undefined || !change ? "" : `${change > 0 ? "+" : "−"}${Math.abs(change).toFixed(2)}`;
    return { layer, l, k, title, slices, share, cells, numbers, delta };
  });
  const rate = `${withEnds(found.errors / (found.positions || 1), bench.ends("rate"), 2, 100)} of all`;
  const bits = found.counts.reduce((sum, _, l) => sum + bitsAt(l, null), 0);
  const numbers = [found.errors, 1, "", "", bits, "", "", ""];
  return [...rows, { title: "all errors", cells: [number(found.errors), rate, fixed(bits, 3), ""], numbers }];
}

function rowsAgainst(bench) {
  const [was, now] = [bench.state.against, bench.state.model].map((k) => bench.found(k)), pairs = pairErrors(was, now);
  const ends = bench.pair(), sum = (lists) => total(lists.map((list) => total(list)));
  const of = (before, after, fixedOnes, fresh, key) => {
    const known = ends?.[key], saved = known?.ends ? ` [${known.ends.map(rounded).join(", ")}]` : "";
    const cells = [number(before), number(after), number(fixedOnes), number(fresh), signed(before - after) + saved,
      pWords(known?.adjusted)];
    const numbers = [before, after, fixedOnes, before - fixedOnes, fresh, before - after, ...(known?.ends ?? ["", ""]),
      known?.adjusted];
    return { cells, numbers };
  };
  const rows = partsOfTable(bench, [was, now]).map(([l, layer, k, title, slices]) => {
    const at = (values) => sumAt(values[l], k), key = k === null ? `net/${l}` : `net/${l}/${k}`;
    const found = of(at(was.counts), at(now.counts), at(pairs.fixed), at(pairs.fresh), key);
    return { layer, l, k, title, slices, ...found };
  });
  const all = of(was.errors, now.errors, sum(pairs.fixed), sum(pairs.fresh), "net");
  return [...rows, { title: "all errors", ...all }];
}

function makeTable(bench) {
  const table = $("#table"), body = $("tbody", table), head = $("thead tr", table);
  const unfolded = [...body.querySelectorAll(".fold[aria-expanded=true]")];
  const open = new Set(unfolded.map((fold) => fold.closest("tr").dataset.layer));
  const isOpen = (name) => open.has(name);

  function cell(row, text, i) {
    const bracket = text.indexOf(" ["), parts = [text];
    if (bracket > 0) parts.splice(0, 1, text.slice(0, bracket), make("span", { class: "ends" }, text.slice(bracket)));
    if (i === 1 && row.delta) parts.push(make("span", { class: "delta" }, ` ${row.delta}`));
    if (i === 1 && row.share !== undefined) parts.push(shareBar(row));
    return make("td", {}, ...parts);
  }

  function shareBar({ layer, share }) {
    const svg = make("svg", { class: "bar", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
    svg.append(make("rect", { width: (100 * share).toFixed(2), height: 4, fill: layer.colour }));
    return svg;
  }

  function line(row) {
    const cells = row.cells.map((text, i) => cell(row, text, i));
    if (!row.layer) return make("tr", { class: "total" }, make("th", { scope: "row" }, row.title), ...cells);
    const { name } = row.layer, unfolds = row.k === null && row.slices > 1;
    const fold = unfolds ? make("button", {
      type: "button", class: "fold", "aria-expanded": String(isOpen(name)), "aria-label": `slices of ${row.title}`,
    }, "▸") : make("i", { class: "fold" });
    const pick = make("button", { type: "button", class: "pick" }, row.k === null ? chip(row.layer) : null, row.title);
    const kind = row.k === null ? "layer" : `slice${isOpen(name) ? " open" : ""}`;
    return make("tr", { class: kind, "data-layer": name, "data-slice": row.k },
      make("th", { scope: "row" }, fold, pick), ...cells);
  }

  const placeOf = (row) => [row.dataset.layer ?? "", row.dataset.slice === undefined ? null : +row.dataset.slice];

  body.addEventListener("click", (event) => {
    const row = event.target.closest("tr"), against = bench.state.against !== null;
    const mark = (against && MARK_OF[event.target.closest("td")?.cellIndex]) || null;
    if (event.target.closest("button.fold")) {
      const name = row.dataset.layer;
      if (!open.delete(name)) open.add(name);
      unfold();
    } else if (row.dataset.layer || mark) bench.pick(...placeOf(row), mark);
  });
  body.addEventListener("pointerover", (event) => {
    const row = event.target.closest("tr[data-layer]");
    bench.light(...(row ? placeOf(row) : [null, null]));
  });
  body.addEventListener("pointerleave", () => bench.light(null, null));

  function unfold() {
    for (const row of body.querySelectorAll("tr.slice")) row.classList.toggle("open", isOpen(row.dataset.layer));
    for (const button of body.querySelectorAll("button.fold")) {
      button.setAttribute("aria-expanded", String(isOpen(button.closest("tr").dataset.layer)));
    }
  }

  function mark() {
    const { layer, slice } = bench.state;
    for (const row of body.querySelectorAll("tr[data-layer]")) {
      const [name, k] = placeOf(row), picked = name === layer && k === slice;
      row.classList.toggle("picked", picked);
      $(".pick", row).setAttribute("aria-pressed", String(picked));
    }
  }

  return {
    mark,
    show() {
      const { activeElement } = document, focused = activeElement?.closest?.("#table tr[data-layer]");
      const inside = activeElement?.className;
      const place = focused ? placeOf(focused) : null;
      table.className = bench.state.against === null ? "alone" : "against";
      const heads = bench.data.heads[table.className];
      head.replaceChildren(...heads.map(([said, title]) => make("th", { scope: "col", title }, said)));
      body.replaceChildren(...tableRows(bench).map(line));
      mark();
      if (place) {
        const rows = [...body.querySelectorAll("tr[data-layer]")];
        const again = rows.find((row) => String(placeOf(row)) === String(place));
        again?.querySelector(`.${CSS.escape(inside)}`)?.focus();
      }
    },
    light(layer, slice) {
      for (const row of body.querySelectorAll("tr[data-layer]")) {
        const [name, k] = placeOf(row);
        row.classList.toggle("lit", name === layer && (k === slice || (k === null && !isOpen(name))));
      }
    },
  };
}

// The table as numbers, each interval in three columns.
function csvOf(bench) {
  const quote = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const alone = bench.state.against === null;
  const head = alone ? ["errors", "share", "share_low", "share_high", "bits", "bits_low", "bits_high", "fair"]
    : ["before", "after", "fixed", "kept", "new", "saved", "saved_low", "saved_high", "p"];
  const rows = tableRows(bench).map((row) => [row.layer?.title ?? "", row.k === null || !row.layer ? "" : row.title,
    ...row.numbers.map((value) => String(value ?? ""))]);
  return [["layer", "slice", ...head], ...rows].map((row) => row.map(quote).join(",")).join("\n") + "\n";
}
