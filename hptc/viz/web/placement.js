// The matrix devices x tags.

const PARTS = [['ops', 'ops', whole], ['macs', 'MACs', count], ['busy_ns', 'busy', time]];

function addUp(parts) {
  const sum = { ops: 0, macs: 0, busy_ns: 0 };
  for (const part of parts) for (const [key] of PARTS) sum[key] += part[key];
  return sum;
}

function placementCell(sum, most, colour) {
  if (!sum.ops && !sum.busy_ns) return node('td', { class: 'dim' }, NONE);
  const lines = PARTS.flatMap(([key, unit, format]) => [
    node('span', { class: 'dim' }, unit), track(sum[key] / most[key], colour), node('span', {}, format(sum[key]))]);
  return node('td', {}, node('div', { class: 'cell' }, ...lines));
}

function drawPlacement(host, phase) {
  const devices = phase.lanes.filter((lane) => lane.kind === 'device').map((lane) => lane.name);
  const tags = phase.tags.map((tag) => tag.name);
  const total = addUp(phase.placement);
  const pick = (test) => addUp(phase.placement.filter(test));
  const lines = devices.map((device) => row([
    node('th', { scope: 'row', class: 'name' }, device),
    ...tags.map((tag) => placementCell(pick((part) => part.device === device && part.tag === tag), total, tag)),
    placementCell(pick((part) => part.device === device), total),
  ]));
  lines.push(row([node('th', { scope: 'row' }, 'all devices'),
    ...tags.map((tag) => placementCell(pick((part) => part.tag === tag), total, tag)), placementCell(total, total)], { class: 'sum' }));
  host.replaceChildren(...table('Placement: devices by tag', ['Device', ...tags, 'all tags'], lines,
    'Bars: share of the phase. The time of a task goes to its main tag; matrices of a spatial device add up.'));
}
