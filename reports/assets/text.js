"use strict";
// The text under test: its characters, its words, and what follows from them for each row.  No document, no layer.
//
// A row is a symbol of the log: a byte, a character, a token.  Of tokens and spans, each stands for one character, its
// point being its number in `data.pieces`.

const WORD = 1, SPACE = 2, QUOTE = 4, APOSTROPHE = 8, MARK = 16;
const NEWLINE = 10, RETURN = 13, MOST = 65535;

// The text from the page's document and its unpacked columns.  `first[c]`: the first row of character c; `columns`: one
// entry per row of each, by the names that the clauses of layers have.
function readText(data, raw) {
  const text = { data, n: data.rows, bytes: data.unit === "byte", pieces: data.pieces ?? null, codes: raw.text };
  markBorders(text);
  decodeText(text);
  text.columns = text.pieces ? tokenColumns(text, raw) : characterColumns(text, raw.words ?? null);
  const derived = ["text", "words", "after", "marks", "newline", "offset", "length"];
  for (const name of Object.keys(raw)) {
    if (derived.includes(name) || /^(level|part|guess|rank)\d+$/.test(name)) continue;
    text.columns[name] = data.by_word.includes(name) ? spreadWords(text, raw[name]) : raw[name];
  }
  return text;
}

function markBorders(text) {
  const { n, data } = text;
  text.gapBefore = new Uint8Array(n + 1); // nothing is known of what stands before
  text.documentBefore = new Uint8Array(n + 1);
  for (const [row] of data.breaks) text.gapBefore[row] = 1;
  for (const row of data.documents) text.gapBefore[row] = text.documentBefore[row] = 1;
}

function documentAround(text, row) { // its first row, and the row after its last
  let start = 0;
  for (const next of text.data.documents) { if (next > row) return [start, next]; start = next; }
  return [start, text.n];
}

function positionOf(text, row) {
  let start = [0, 0];
  for (const pair of text.data.breaks) if (pair[0] <= row) start = pair;
  return start[1] + row - start[0];
}

function rowOf(text, position) {
  let start = [0, 0], next = text.n;
  for (const pair of text.data.breaks) if (pair[1] <= position) start = pair; else { next = pair[0]; break; }
  return Math.min(start[0] + position - start[1], next - 1, text.n - 1);
}

// --- characters ------------------------------------------------------------------------------------------------------

// Length of the UTF-8 sequence at i, and its code point; a byte that begins none has length 0.
function sequenceAt(text, i) {
  const codes = text.codes, a = codes[i];
  const length = a >= 0xc2 && a < 0xe0 ? 2 : a >= 0xe0 && a < 0xf0 ? 3 : a >= 0xf0 && a < 0xf5 ? 4 : 0;
  if (!length || i + length > codes.length) return [0, 0];
  let point = a & (0x7f >> length);
  for (let k = 1; k < length; k++) {
    if ((codes[i + k] & 0xc0) !== 0x80 || (text.bytes && text.gapBefore[i + k])) return [0, 0];
    point = (point << 6) | (codes[i + k] & 0x3f);
  }
  const wrong = (length === 3 && point < 0x800) || (length === 4 && (point < 0x10000 || point > 0x10ffff));
  return wrong || (point >= 0xd800 && point < 0xe000) ? [0, 0] : [length, point];
}

function decodeText(text) {
  const { n, codes, bytes, pieces } = text;
  const points = new Uint32Array(codes.length), first = new Uint32Array(codes.length + 1);
  let m = 0;
  if (pieces) for (; m < n; m++) { points[m] = codes[m]; first[m] = m; }
  else for (let i = 0; i < codes.length; m++) {
    const plain = codes[i] < 0x80, [length, point] = plain ? [1, codes[i]] : sequenceAt(text, i);
    points[m] = length ? point : 0xdc00 + codes[i];
    first[m] = bytes ? i : m;
    i += length || 1;
  }
  first[m] = n;
  text.m = m;
  text.points = points.subarray(0, m);
  text.first = first.subarray(0, m + 1);
  text.charOf = new Uint32Array(n);
  for (let c = 0; c < m; c++) for (let r = first[c]; r < first[c + 1]; r++) text.charOf[r] = c; // fill() is slower
  text.kinds = new Uint8Array(0x110000);
  for (const [point, kind] of Object.entries(text.data.kinds)) text.kinds[+point] = kind;
}

// What is shown for a character: a visible sign for what cannot be seen.
function glyphOf(text, point) {
  return text.pieces ? text.pieces[point] : text.data.signs[point] ?? String.fromCodePoint(point);
}

const endsLine = (text, point) => (text.pieces ? text.data.line_ends[point] > 0 : point === NEWLINE);
const isBlank = (text, point) =>
  (text.pieces ? text.pieces[point].endsWith(" ") : (text.kinds[point] & SPACE) > 0);

// --- evidence by row -------------------------------------------------------------------------------------------------

// `after`: 1 a space, 2 a quote, 3 a newline stands before; `newline`: characters since the last one, from 1, 0 before
// any; `offset`: from the start of the word; `length`: of the word, both 0 outside words; `mark`: punctuation.
function emptyColumns(n) {
  const [after, mark] = [new Uint8Array(n), new Uint8Array(n)];
  return { after, mark, newline: new Uint16Array(n), offset: new Uint16Array(n), length: new Uint16Array(n) };
}

// Of tokens, what follows from the characters that they are judged by is given; each in a word has its own.
function tokenColumns(text, raw) {
  text.wordOf = new Int32Array(text.n).fill(-1);
  text.wordStart = [];
  for (let r = 0; r < text.n; r++) if (raw.words[r]) text.wordOf[r] = text.wordStart.push(r) - 1;
  return { after: raw.after, mark: raw.marks, newline: raw.newline, offset: raw.offset, length: raw.length };
}

// `cut`: 1 where a word begins, 2 inside; null where words are runs of characters of words.
function characterColumns(text, cut) {
  const { n, m, points, first, kinds, gapBefore } = text, columns = emptyColumns(n);
  const wordOf = new Int32Array(n).fill(-1), lengths = [], starts = [];
  const inWord = (c) => (cut ? cut[first[c]] > 0 : (kinds[points[c]] & WORD) > 0);
  let since = 0, inside = false; // characters since the last newline, 0 before one
  for (let c = 0; c < m; c++) {
    const from = first[c], to = first[c + 1], gap = c === 0 || gapBefore[from];
    const next = c + 1 < m && !gapBefore[to] ? points[c + 1] : -1;
    if (gap) since = 0;
    let after = 0;
    if (!gap) {
      const before = kinds[points[c - 1]];
      const between = c > 1 && !gapBefore[first[c - 1]] && inWord(c - 2) && inWord(c);
      if (before & SPACE) after = 1;
      if (before & QUOTE || (before & APOSTROPHE && !between)) after = 2;
      if (points[c - 1] === NEWLINE || (points[c - 1] === RETURN && points[c] !== NEWLINE)) after = 3;
    }
    if (inWord(c)) {
      if (cut ? cut[from] === 1 : !inside || gap) { starts.push(from); lengths.push(0); }
      inside = true;
    } else inside = false;
    const word = starts.length - 1, at = inside ? Math.min(lengths[word]++, MOST) : 0;
    for (let r = from; r < to; r++) {
      if (inside) { wordOf[r] = word; columns.offset[r] = at; }
      columns.after[r] = after;
      columns.mark[r] = kinds[points[c]] & MARK ? 1 : 0;
      columns.newline[r] = Math.min(since, MOST);
    }
    const ends = points[c] === NEWLINE || (points[c] === RETURN && next !== NEWLINE);
    since = ends ? 1 : since ? since + 1 : 0;
  }
  for (let r = 0; r < n; r++) if (wordOf[r] >= 0) columns.length[r] = Math.min(lengths[wordOf[r]], MOST);
  text.wordOf = wordOf;
  text.wordStart = starts;
  return columns;
}

const NO_CODE = 255; // nothing that a limit could reach

function spreadWords(text, values) {
  const found = new values.constructor(text.n).fill(NO_CODE), { wordOf } = text;
  for (let r = 0; r < text.n; r++) if (wordOf[r] >= 0) found[r] = values[wordOf[r]];
  return found;
}

// How many symbols ago the word of a row was last seen; null where the script cannot tell.
function earlierDistance(text, row) {
  if (text.pieces) return null; // the words of tokens are not in the page
  const { codes, points, bytes, wordOf, wordStart, charOf } = text, w = wordOf[row], start = wordStart[w];
  let end = start;
  while (end < text.n && wordOf[end] === w) end++;
  const from = bytes ? start : charOf[start], length = end - start, at = (i) => (bytes ? codes[i] : points[i]);
  for (let i = from - length, least = documentAround(text, start)[0]; i >= least; i--) {
    let k = 0;
    while (k < length && at(i + k) === at(from + k) && !(k && text.gapBefore[i + k])) k++;
    if (k === length) return positionOf(text, start) - positionOf(text, i);
  }
  return null;
}
