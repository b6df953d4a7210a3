// Wires the parts: one page, the chosen phase, stage, filter and instruction.

const byId = (id) => document.getElementById(id);

class Page {
  constructor(data) {
    Object.assign(this, { data, stage: 'step', query: '', kind: 'work' });
    this.timeline = new Timeline(byId('timeline'), new Tooltip(byId('tooltip')), (item) => this.select(item));
    this.table = new InstructionTable(byId('table'), (item) => this.select(item));
    drawHeader(byId('header'), data);
    this.tabs = data.phases.map((phase, at) => this.tab(phase, at));
    byId('tabs').append(...this.tabs);
  }

  tab(phase, at) {
    return node('button', {
      type: 'button', role: 'tab', id: `tab-${phase.name}`, 'aria-controls': 'panel',
      onclick: () => this.open(at), onkeydown: (event) => this.onTabKey(event, at),
    }, phase.name, node('span', { class: 'dim' }, ` ${PHASE_NOTES[phase.name] ?? ''}`));
  }

  onTabKey(event, at) {
    const last = this.tabs.length - 1;
    const next = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    const wrapped = next < 0 ? last : next > last ? 0 : next;
    this.open(wrapped);
    this.tabs[wrapped].focus();
  }

  open(at) {
    this.phase = this.data.phases[at];
    this.tabs.forEach((tab, place) => {
      tab.setAttribute('aria-selected', String(place === at));
      tab.tabIndex = place === at ? 0 : -1;
    });
    byId('panel').setAttribute('aria-labelledby', this.tabs[at].id);
    if (location.protocol !== 'about:') history.replaceState(null, '', `#${this.phase.name}`);
    drawCards(byId('cards'), this.phase);
    drawBaselines(byId('baselines'), this.phase);
    drawPlacement(byId('placement'), this.phase);
    drawWork(byId('work'), this.phase);
    this.setStage('step');
  }

  setStage(stage) {
    Object.assign(this, { stage, kind: 'work' });
    this.drawToolbar();
    this.timeline.show(this.phase, stage);
    this.filter();
  }

  drawToolbar() {
    const choose = (label, options, value, change) => node('label', { class: 'group' }, label, node('select', {
      onchange: (event) => change(event.target.value),
    }, ...options.map(([name, text]) => node('option', { value: name, selected: name === value ? '' : null }, text))));
    const stages = STAGES.map(([name, label]) => [name, `${stageLabel(this.phase, name, label)} (${whole(this.ofStage(name).length)})`]);
    const button = (text, label, act) => node('button', { type: 'button', class: 'plain', 'aria-label': label, title: label, onclick: act }, text);
    this.status = node('span', { class: 'dim', role: 'status' });
    byId('toolbar').replaceChildren(
      choose('Part', stages, this.stage, (value) => this.setStage(value)),
      choose('Kind', this.kinds(), this.kind, (value) => { this.kind = value; this.filter(); }),
      this.searchBox(), this.status, node('span', { class: 'grow' }),
      node('span', { class: 'group' }, button('\u2190', 'Pan left', () => this.timeline.pan(-0.25)),
        button('\u2192', 'Pan right', () => this.timeline.pan(0.25)), button('\u2212', 'Zoom out', () => this.timeline.zoom(1 / 0.6)),
        button('+', 'Zoom in', () => this.timeline.zoom(0.6)), button('Fit', 'Show the whole time', () => this.timeline.fit()),
        button('All lanes', 'Show all lanes or the busiest', () => this.timeline.toggle())),
    );
  }

  searchBox() {
    return node('input', {
      type: 'search', id: 'search', value: this.query, placeholder: 'Find operation, module, task\u2026', 'aria-label': 'Filter by name',
      oninput: (event) => { this.query = event.target.value; this.filter(); },
    });
  }

  ofStage(stage) {
    return this.phase.instructions.filter((item) => item.stage === stage);
  }

  kinds() {
    const found = new Map();
    for (const item of this.ofStage(this.stage)) found.set(item.kind, (found.get(item.kind) ?? 0) + 1);
    const all = [['work', 'all but free'], ['all', 'all']];
    return [...all, ...[...found].map(([kind, times]) => [kind, `${kind} (${whole(times)})`])];
  }

  filter() {
    const named = matcher(this.query);
    const wanted = { work: (item) => item.kind !== 'free', all: () => true }[this.kind] ?? ((item) => item.kind === this.kind);
    const matches = (item) => wanted(item) && named(item);
    const found = this.ofStage(this.stage).filter(matches);
    this.status.textContent = this.query ? `${whole(found.length)} found` : '';
    this.timeline.search(matches);
    this.table.show(this.phase, found);
    this.select(null);
  }

  select(item) {
    this.timeline.select(item);
    this.table.select(item);
    drawDetail(byId('detail'), this.phase, item);
  }
}

function start() {
  const data = loadModel();
  const page = new Page(data);
  const named = data.phases.findIndex((phase) => `#${phase.name}` === location.hash);
  byId('panel').hidden = !data.phases.length;
  if (data.phases.length) page.open(Math.max(0, named));
}

start();
