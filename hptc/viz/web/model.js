// Reads the data element: the inverse of hptc/viz/encode.py.

// Characters that would hide or reorder what stands beside them are spelled out.
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
const visible = (text) => text.replace(INVISIBLE, (found) => `\\u${found.codePointAt(0).toString(16).padStart(4, '0')}`);

function decode(part) {
  if (typeof part === 'string') return visible(part);
  if (Array.isArray(part)) return part.map(decode);
  if (part === null || typeof part !== 'object') return part;
  if ('columns' in part) return records(part);
  return Object.fromEntries(Object.entries(part).map(([name, item]) => [name, decode(item)]));
}

function records({ rows, columns }) {
  const read = Object.entries(columns).map(([name, column]) => [name, Array.isArray(column)
    ? (at) => decode(column[at])
    : (at) => visible(column.texts[column.codes[at]])]);
  return Array.from({ length: rows }, (_, at) => {
    const record = {};
    for (const [name, value] of read) record[name] = value(at);
    return record;
  });
}

const PHASE_NOTES = { full: 'all parameters trained', low: 'matrices frozen', infer: 'no training' };

// The colour of an instruction: its tag, or what it does where it runs no operations.
const COLOURS = [
  ['static', 'static'], ['trainable', 'trainable'], ['dynamic', 'dynamic'], ['folded', 'folded'],
  ['untagged', 'untagged'], ['move', 'transfer, load, read back'], ['program', 'programming'],
];

function colourKey(item) {
  return item.tag || (item.kind === 'program' ? 'program' : 'move');
}

const STAGES = [['step', 'Training step'], ['entry', 'Phase entry'], ['exit', 'Phase exit']];

const stageLabel = (phase, stage, label) => (phase.name === 'infer' && stage === 'step' ? 'Inference step' : label);

function loadModel() {
  const data = decode(JSON.parse(document.getElementById('data').textContent));
  for (const phase of data.phases) phase.instructions.forEach((item, at) => prepare(phase, item, at));
  return data;
}

function prepare(phase, item, at) {
  item.at = at;
  item.duration_ns = item.end_ns - item.start_ns;
  item.colour = colourKey(item);
  const ops = item.ops.map((position) => phase.ops[position]);
  item.words = [item.label, item.kind, item.value, item.device, ...ops.flatMap((op) => [op.name, op.kind, op.source])]
    .join('\n').toLowerCase();
}

// Every word of the query must occur in the names of an instruction.
function matcher(query) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  return words.length ? (item) => words.every((word) => item.words.includes(word)) : () => true;
}
