// Header, summary cards, baselines and the division of work.

function drawHeader(host, data) {
  const facts = [{ label: 'target', text: data.target }, ...data.facts, ...data.versions];
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

const GOAL_FORMATS = { ns: time, nJ: energy };

function goalCard(goal) {
  const format = GOAL_FORMATS[goal.unit] ?? ((value) => (value === null ? NONE : `${value.toPrecision(4)} ${goal.unit}`));
  const note = goal.gap === null ? 'nothing proven' : `${short(100 * goal.gap)}% above the bound ${format(goal.bound)}`;
  return card(`Objective: ${goal.text}`, format(goal.value), note);
}

function wear(totals) {
  const kinds = [[totals.steps_to_failure, 'steps'], [totals.programmings_to_failure, 'programmings']];
  const lasting = kinds.filter(([most]) => most !== null).map(([most, what]) => `${count(most)} ${what}`);
  return lasting.length ? `last ${lasting.join(' and ')}` : '';
}

function drawCards(host, phase) {
  const t = phase.totals;
  const proven = t.status === 'optimal' ? `least ${t.goal.text} for ${t.holds_for}` : 'not proven optimal';
  const sum = (tags) => tags.reduce((total, tag) => total + tag.macs, 0);
  host.replaceChildren(
    card('Step latency', time(t.latency_ns), t.period_ns === null ? '' : `period ${time(t.period_ns)}`),
    card('Lower bound', time(t.lower_bound_ns), `of the latency, for ${t.holds_for}`),
    card('Gap to the bound', t.gap === null ? NONE : `${short(100 * t.gap)}%`),
    card('Status', t.status, proven),
    ...(t.goal.is_latency ? [] : [goalCard(t.goal)]),
    card('Step energy', energy(t.energy_nj), 'with static power'),
    card('Crossbars used', whole(t.crossbars_used), wear(t)),
    card('Programming', time(t.program_ns), `${energy(t.program_nj)} at entry`),
    card('Trained', whole(phase.trained.length), phase.trained.length === 1 ? 'tensor' : 'tensors'),
    card('Operations', whole(phase.ops.length), `${count(sum(inStep(phase)))} MACs a step, ${count(sum(phase.tags) - sum(inStep(phase)))} at entry`),
  );
}

// "2.3\u00d7 faster": the baseline needs 2.3 times as much as this program.
function compared(baseline, own, better, worse) {
  if (!(own > 0) || !(baseline > 0)) return node('div', { class: 'dim' }, NONE);
  const ratio = baseline / own;
  if (Math.abs(ratio - 1) < 0.005) return node('div', { class: 'dim' }, 'the same');
  return ratio > 1
    ? node('div', { class: 'good' }, `${short(ratio)}\u00d7 ${better}`)
    : node('div', { class: 'bad' }, `${short(1 / ratio)}\u00d7 ${worse}`);
}

function figure(value, format, most, ratio) {
  if (value === null) return node('td', { class: 'dim' }, 'infeasible');
  return node('td', {}, format(value), track(value / most), ratio);
}

function drawBaselines(host, phase) {
  const own = phase.totals;
  const most = (key) => Math.max(own[key], ...phase.baselines.map((item) => item[key] ?? 0), Number.MIN_VALUE);
  const [slowest, hungriest] = [most('latency_ns'), most('energy_nj')];
  const mine = row([node('th', { scope: 'row' }, 'this program'),
    figure(own.latency_ns, time, slowest, ''), figure(own.energy_nj, energy, hungriest, '')], { class: 'own' });
  const others = phase.baselines.map((item) => row([node('th', { scope: 'row', class: 'name' }, `all ${item.name}`),
    figure(item.latency_ns, time, slowest, compared(item.latency_ns, own.latency_ns, 'faster', 'slower')),
    figure(item.energy_nj, energy, hungriest, compared(item.energy_nj, own.energy_nj, 'less', 'more'))]));
  host.replaceChildren(...table('Totals against other mappings', ['Mapping', 'Latency', 'Energy'], [mine, ...others],
    others.length ? 'Ratios say how this program compares with each mapping.' : 'The report of this phase holds no baselines.'));
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

// Folded operations run once at phase entry, not in the step.
const inStep = (phase) => phase.tags.filter((tag) => tag.name !== 'folded');

function drawWork(host, phase) {
  const tags = inStep(phase);
  host.replaceChildren(node('h2', {}, 'Work of one step'), split('MACs by tag', tags, 'macs'),
    split('FLOPs by tag', tags, 'flops'), split('Bytes by tag', tags, 'bytes'),
    split('Operations by tag', tags, 'ops'), split('MACs by role', phase.roles, 'macs'), ...drawFlows(phase));
}

// What the rows of an axis of the first input do: pass one by one, add up, or are needed at once.
function drawFlows(phase) {
  return phase.flows.map((flow) => {
    const parts = [['map', flow.map_macs], ['reduce', flow.reduce_macs], ['all', flow.all_macs]].map(([name, macs]) => ({ name, macs }));
    const notes = `${plural(flow.all_ops, 'operation')} need all rows, ${whole(flow.waiting)} wait for one operand`;
    const made = split(`MACs reached by the ${whole(flow.extent)} rows of axis ${flow.axis}`, parts, 'macs');
    made.append(node('div', { class: 'dim' }, notes));
    return made;
  });
}
