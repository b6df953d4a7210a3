// Header, summary cards, baselines and the division of work.

function drawHeader(host, data) {
  const facts = [{ label: 'target', text: data.target }, ...data.facts,
    ...data.versions.map(({ label, text }) => ({ label: label, text: text }))];
  host.replaceChildren(
    node('div', { class: 'title' }, node('h1', { class: 'name' }, data.model), node('span', { class: 'dim' }, 'compiled by hptc')),
    node('div', { class: 'facts' }, ...facts.map(({ label, text }) => node('span', {}, `${label} `, node('b', { class: 'name' }, text)))),
  );
  if (!data.options.length) return;
  const lines = data.options.map(({ label, text }) => node('div', {}, node('dt', {}, label), node('dd', { class: 'name mono' }, text)));
  host.append(node('details', {}, node('summary', {}, plural(data.options.length, 'option')), node('dl', { class: 'options' }, ...lines)));
}

function card(label, figure, note = '') {
  return node('div', { class: 'card' }, node('div', { class: 'label' }, label),
    node('div', { class: 'figure' }, figure), node('div', { class: 'note' }, note));
}

function drawCards(host, phase) {
  const t = phase.totals;
  const proven = t.status === 'optimal' ? 'proven optimal' : 'best found in the time given';
  const macs = phase.tags.reduce((sum, tag) => sum + tag.macs, 0);
  host.replaceChildren(
    card('Step latency', time(t.latency_ns), t.period_ns === null ? '' : `one step every ${time(t.period_ns)}`),
    card('Lower bound', time(t.lower_bound_ns), 'no mapping is faster'),
    card('Gap to the bound', t.gap === null ? NONE : `${short(100 * t.gap)}%`),
    card('Status', t.status, proven),
    card('Step energy', energy(t.energy_nj), 'static power included'),
    card('Crossbars used', t.crossbars_used === null ? NONE : whole(t.crossbars_used)),
    card('Programming', time(t.program_ns), `${energy(t.program_nj)}, once per phase`),
    card('Operations', whole(phase.ops.length), `${count(macs)} MACs, ${plural(phase.trained.length, 'trained tensor')}`),
  );
}

// "2.3× faster" where the baseline needs 2.3 times as much as this program.
function compared(baseline, own, better, worse) {
  if (baseline === null || !(own > 0) || !(baseline > 0)) return node('td', {}, NONE);
  const ratio = baseline / own;
  if (Math.abs(ratio - 1) < 0.005) return node('td', {}, 'same');
  return ratio > 1
    ? node('td', { class: 'good' }, `${short(ratio)}\u00d7 ${better}`)
    : node('td', { class: 'bad' }, `${short(1 / ratio)}\u00d7 ${worse}`);
}

function figure(value, format, most) {
  if (value === null) return node('td', { class: 'dim' }, 'infeasible');
  return node('td', {}, format(value), track(value / most));
}

function drawBaselines(host, phase) {
  const own = phase.totals;
  const most = (key) => Math.max(own[key], ...phase.baselines.map((item) => item[key] ?? 0), Number.MIN_VALUE);
  const [slowest, hungriest] = [most('latency_ns'), most('energy_nj')];
  const line = (name, item, attributes) => row([
    node('th', { scope: 'row', class: 'name' }, name),
    figure(item.latency_ns, time, slowest), attributes.own ? node('td', {}, NONE) : compared(item.latency_ns, own.latency_ns, 'faster', 'slower'),
    figure(item.energy_nj, energy, hungriest), attributes.own ? node('td', {}, NONE) : compared(item.energy_nj, own.energy_nj, 'less', 'more'),
  ], attributes.own ? { class: 'own' } : {});
  const rows = [line('this program', own, { own: true }), ...phase.baselines.map((item) => line(`all ${item.name}`, item, {}))];
  host.replaceChildren(
    ...table('Totals against one device for everything', ['Mapping', 'Latency', 'this program is', 'Energy', 'this program uses'], rows,
      phase.baselines.length ? '' : 'The report of this phase holds no baselines.'),
  );
}

function split(title, parts, key) {
  const total = parts.reduce((sum, part) => sum + part[key], 0);
  const bars = parts.filter((part) => part[key] > 0).map((part) => {
    const bar = node('i', { title: `${part.name}: ${count(part[key])}` });
    bar.style.width = `${(100 * part[key]) / total}%`;
    bar.style.background = `var(--${part.name})`;
    return bar;
  });
  const keys = parts.map((part) => [part.name, `${part.name} ${count(part[key])} (${percent(part[key], total)})`]);
  return node('div', { class: 'split' }, node('div', {}, title, node('span', { class: 'dim' }, ` ${count(total)}`)),
    node('div', { class: 'stack', 'aria-hidden': 'true' }, ...bars), legend(keys));
}

function drawWork(host, phase) {
  host.replaceChildren(node('h2', {}, 'Work of one step'), split('MACs by tag', phase.tags, 'macs'),
    split('Operations by tag', phase.tags, 'ops'), split('MACs by role', phase.roles, 'macs'));
}
