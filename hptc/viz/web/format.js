// Numbers for people, and the one way to build elements (text only, never markup).

const NONE = '\u2013';

function scaled(value, steps) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return `0 ${steps[0][1]}`.trim();
  const [size, unit] = steps.findLast(([least]) => Math.abs(value) >= least) ?? steps[0];
  return `${short(value / size)} ${unit}`.trim();
}

function short(value) {
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : 2;
  return value.toLocaleString('en', { maximumFractionDigits: digits });
}

const time = (ns) => scaled(ns, [[1, 'ns'], [1e3, 'µs'], [1e6, 'ms'], [1e9, 's']]);
const energy = (nj) => scaled(nj, [[1e-3, 'pJ'], [1, 'nJ'], [1e3, 'µJ'], [1e6, 'mJ'], [1e9, 'J']]);
const count = (n) => (Math.abs(n) < 1e4 ? whole(n) : scaled(n, [[1e3, 'k'], [1e6, 'M'], [1e9, 'G'], [1e12, 'T']]));
const whole = (n) => (n === null || n === undefined ? NONE : n.toLocaleString('en'));
const percent = (part, total) => (total > 0 ? `${short((100 * part) / total)}%` : NONE);

function plural(n, noun) {
  return `${whole(n)} ${noun}${n === 1 ? '' : 's'}`;
}

// `node('td', {class: 'wide', onclick: f}, 'text', child)`: strings become text nodes.
function node(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function swatch(key) {
  const made = node('span', { class: 'swatch', 'aria-hidden': 'true' });
  made.style.background = `var(--${key})`;
  return made;
}

function legend(keys) {
  return node('div', { class: 'key' }, ...keys.map(([key, label]) => node('span', {}, swatch(key), label)));
}

// A thin proportion bar.
function track(share, key) {
  const bar = node('i');
  bar.style.width = `${Math.min(100, 100 * (share || 0))}%`;
  if (key) bar.style.background = `var(--${key})`;
  return node('span', { class: 'track', 'aria-hidden': 'true' }, bar);
}

function row(cells, attributes = {}) {
  return node('tr', attributes, ...cells);
}

// A titled table that scrolls sideways where it is too wide.
function table(title, heads, rows, caption) {
  const head = heads.map((text) => node('th', { scope: 'col' }, text));
  const made = node('table', {}, node('thead', {}, row(head)), node('tbody', {}, ...rows));
  if (caption) made.prepend(node('caption', {}, caption));
  return [node('h2', {}, title), node('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': title }, made)];
}
