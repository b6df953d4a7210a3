// Which rows the timeline has: devices, their busiest matrices, links; the rest in "+k more" rows.

const BUSIEST = { matrix: 6, link: 12 };

function laneRows(phase, stage, expanded) {
  const rows = phase.lanes.map((lane) => ({ ...lane, label: laneLabel(lane), items: [], busy_ns: 0 }));
  for (const item of phase.instructions) {
    if (item.stage !== stage || item.kind === 'free') continue;
    rows[item.lane].items.push(item);
    rows[item.lane].busy_ns += item.duration_ns;
  }
  const shown = rows.filter((lane) => lane.kind === 'device' || lane.items.length);
  const links = shown.filter((lane) => lane.kind === 'link');
  return [...shown.filter((lane) => lane.kind === 'device')
    .flatMap((device) => [device, ...collapsed(matricesOf(shown, device), 'matrix', expanded)]),
  ...collapsed(links, 'link', expanded)];
}

function laneLabel(lane) {
  if (lane.kind === 'matrix') return lane.name.slice(lane.device.length + 1);
  return lane.kind === 'link' ? lane.name.replace('->', ' \u2192 ') : lane.name;
}

function matricesOf(rows, device) {
  const matrices = rows.filter((lane) => lane.kind === 'matrix' && lane.device === device.name);
  if (matrices.length) device.note = `${whole(matrices.length)} in use`;
  return matrices;
}

// The busiest rows, then one row for the others; two or more are hidden or none.
function collapsed(rows, kind, expanded) {
  const ordered = rows.toSorted((one, other) => other.busy_ns - one.busy_ns);
  const shown = BUSIEST[kind];
  if (ordered.length <= shown + 1) return ordered;
  if (expanded) return [...ordered, { label: 'show fewer', kind: 'toggle', items: [], busy_ns: 0 }];
  const rest = ordered.slice(shown);
  const items = rest.flatMap((lane) => lane.items).sort((one, other) => one.start_ns - other.start_ns);
  const busy_ns = rest.reduce((sum, lane) => sum + lane.busy_ns, 0);
  return [...ordered.slice(0, shown), { label: `+${whole(rest.length)} more`, kind: 'toggle', items, busy_ns }];
}
