"use strict";
// Small things that the panes are built with: elements, numbers in words, columns out of the page.

const $ = (selector, root = document) => root.querySelector(selector);
const SVG = new Set(["svg", "path", "text", "title", "g", "rect", "polyline", "circle"]);

// An element with attributes (`on…`: a listener) and children; text becomes text nodes, never markup.
function make(tag, attributes = {}, ...children) {
  const drawn = "http://www.w3.org/2000/svg";
  const element = SVG.has(tag) ? document.createElementNS(drawn, tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(key, value === true ? "" : value);
    }
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const number = (value) => value.toLocaleString("en-US", { maximumFractionDigits: 12 });
const signed = (value) => (value < 0 ? "-" : "+") + number(Math.abs(Math.round(value)));
const rounded = (value) => number(Math.round(value) + 0);
const fixed = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : value > 0 ? "inf" : "-inf");
const percentOf = (part, whole, digits = 2) => ((100 * part) / (whole || 1)).toFixed(digits);
const cutName = (name, most) => {
  const points = [...name], end = (most - 1) >> 1;
  return points.length <= most ? name : `${points.slice(0, most - 1 - end).join("")}…${points.slice(-end).join("")}`;
};

// `34.03 [33.77, 34.31]`, all times `factor`; the ends null: none.
function withEnds(value, ends, digits, factor = 1) {
  if (!ends) return fixed(factor * value, digits);
  return `${fixed(factor * value, digits)} [${fixed(factor * ends[0], digits)}, ${fixed(factor * ends[1], digits)}]`;
}

function pWords(p) { // of a test, and whether it says that two are tied
  if (p === null || p === undefined) return "";
  const words = String(+p.toPrecision(2));
  return p >= 0.05 ? `tied, ${words}` : words;
}

// The colour of slice k: the layer's own, lighter with k.
function shade(colour, k, size) {
  const amount = 0.12 + (0.5 * k) / Math.max(size - 1, 1);
  return "#" + [1, 3, 5].map((i) => {
    const c = parseInt(colour.slice(i, i + 2), 16);
    return Math.round(c + (255 - c) * amount).toString(16).padStart(2, "0");
  }).join("");
}

function chip(layer) { return make("b", { class: `chip k-${layer.name}` }, layer.letter); }

const COLUMN_KINDS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array };

// The columns of the page by name.
async function unpackColumns(columns) {
  const unpacked = Object.entries(columns).map(async ([name, [size, packed]]) => {
    let bytes;
    if (Uint8Array.fromBase64) bytes = Uint8Array.fromBase64(packed);
    else {
      const binary = atob(packed);
      bytes = new Uint8Array(binary.length);
      for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
    }
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return [name, new COLUMN_KINDS[size](await new Response(stream).arrayBuffer())];
  });
  return Object.fromEntries(await Promise.all(unpacked));
}

function download(name, blob) {
  const address = URL.createObjectURL(blob);
  make("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
