// What is known of one instruction: panel and tooltip.

const DETAIL_OPS = 200;

function moment(item) {
  return `${time(item.start_ns)} \u2013 ${time(item.end_ns)}`;
}

function drawDetail(host, phase, item) {
  if (!item) {
    host.replaceChildren(node('h2', {}, 'Details'), node('p', { class: 'dim' },
      'Choose a bar of the timeline or a row of the table to see its operations, source modules, times and energy.'));
    return;
  }
  const facts = [
    ['instruction', item.kind], ['on', item.source ? `${item.source} \u2192 ${item.device}` : item.device],
    ['lane', phase.lanes[item.lane].name], ['tag', item.tag], ['role', item.role], ['value', item.value], ['rows', item.rows],
    ['start', `${whole(item.start_ns)} ns`], ['end', `${whole(item.end_ns)} ns`], ['duration', time(item.duration_ns)],
    ['energy', energy(item.energy_pj / 1e3)], ['cells written', item.cells ? whole(item.cells) : ''],
  ].filter(([, text]) => text !== '');
  const lines = facts.flatMap(([label, text]) => [node('dt', {}, label), node('dd', { class: 'name' }, text)]);
  const ops = item.ops.map((position) => phase.ops[position]);
  host.replaceChildren(node('h2', { class: 'name' }, swatch(item.colour), item.label), node('dl', {}, ...lines));
  if (!ops.length) return;
  host.append(node('h2', {}, plural(ops.length, 'operation')), node('ol', {}, ...ops.slice(0, DETAIL_OPS).map(detailOp)));
  if (ops.length > DETAIL_OPS) host.append(node('p', { class: 'dim' }, `and ${whole(ops.length - DETAIL_OPS)} more`));
}

function detailOp(op) {
  const notes = [op.role, op.tag, op.macs ? `${count(op.macs)} MACs` : ''].filter(Boolean).join(', ');
  return node('li', {}, node('div', { class: 'name' }, swatch(op.tag), op.name), node('div', { class: 'mono dim name' }, op.kind),
    node('div', { class: 'dim name' }, op.source ? `from ${op.source}; ${notes}` : notes));
}

class Tooltip {
  constructor(host) {
    this.host = host;
  }

  show(item, event) {
    this.host.hidden = !item;
    if (!item) return;
    const notes = [item.kind, item.tag, item.role, plural(item.ops.length, 'op')].filter(Boolean).join(' \u00b7 ');
    this.host.replaceChildren(node('b', { class: 'name' }, item.label), node('div', {}, notes),
      node('div', {}, `${moment(item)} (${time(item.duration_ns)}), ${energy(item.energy_pj / 1e3)}`));
    const { width, height } = this.host.getBoundingClientRect();
    const left = Math.min(event.clientX + 14, window.innerWidth - width - 8);
    const below = event.clientY + 16;
    this.host.style.left = `${Math.max(8, left)}px`;
    this.host.style.top = `${below + height > window.innerHeight ? event.clientY - height - 10 : below}px`;
  }
}
