// The instructions as a table: sortable by column, a page of rows at a time.

const PAGE_ROWS = 100;

const opNames = (phase, item) => item.ops.map((position) => phase.ops[position].name);
const listed = (names) => (names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', '));

// Title, sort key, text shown, class.
const FIELDS = [
  ['Start', (item) => item.start_ns, (item) => time(item.start_ns), ''],
  ['Duration', (item) => item.duration_ns, (item) => time(item.duration_ns), ''],
  ['Task or value', (item) => item.label, null, 'left wide name'],
  ['Kind', (item) => item.kind, (item) => item.kind, 'left'],
  ['Resource', (item) => item.lane, (item, phase) => phase.lanes[item.lane].name, 'left wide name'],
  ['Tag', (item) => item.tag, (item) => item.tag || NONE, 'left'],
  ['Role', (item) => item.role, (item) => item.role || NONE, 'left'],
  ['Operations', (item) => item.ops.length, (item, phase) => listed(opNames(phase, item)) || NONE, 'left wide name'],
  ['Energy', (item) => item.energy_pj, (item) => energy(item.energy_pj / 1e3), ''],
];

class InstructionTable {
  constructor(host, onSelect) {
    Object.assign(this, { host, onSelect, field: 0, up: true, at: 0, selected: null });
  }

  show(phase, items) {
    Object.assign(this, { phase, items, at: 0 });
    this.sort();
  }

  select(item) {
    this.selected = item;
    const place = this.items.indexOf(item);
    const at = place < 0 ? this.at : Math.floor(place / PAGE_ROWS) * PAGE_ROWS;
    if (at !== this.at) {
      this.at = at;
      this.draw();
    }
    this.lines.forEach((line, index) => line.setAttribute('aria-current', String(this.items[this.at + index] === item)));
  }

  sortBy(field) {
    this.up = field === this.field ? !this.up : true;
    this.field = field;
    this.at = 0;
    this.sort();
    this.host.querySelectorAll('thead button')[field].focus();
  }

  sort() {
    const key = FIELDS[this.field][1];
    const sign = this.up ? 1 : -1;
    this.items = this.items.toSorted((one, other) => sign * order(key(one), key(other)) || one.at - other.at);
    this.draw();
  }

  turn(by) {
    this.at += by * PAGE_ROWS;
    this.draw();
    const [previous, next] = this.host.querySelectorAll('.pager button');
    const used = by < 0 ? previous : next;
    (used.disabled ? (by < 0 ? next : previous) : used).focus();
  }

  draw() {
    this.lines = this.items.slice(this.at, this.at + PAGE_ROWS).map((item) => this.line(item));
    const heads = FIELDS.map(([title, , , style], field) => this.head(title, field, style));
    const made = node('table', { class: 'instructions' }, node('thead', {}, row(heads)),
      node('tbody', {}, ...this.lines));
    this.host.replaceChildren(node('h2', {}, `Instructions: ${whole(this.items.length)}`),
      node('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-label': 'Instructions' }, made), this.pager());
  }

  head(title, field, style) {
    const sorted = field === this.field;
    const arrow = sorted ? (this.up ? ' \u25b4' : ' \u25be') : '';
    const button = node('button', { type: 'button', onclick: () => this.sortBy(field) }, title + arrow);
    const direction = sorted ? (this.up ? 'ascending' : 'descending') : 'none';
    return node('th', { scope: 'col', 'aria-sort': direction, class: style.includes('left') ? 'left' : '' }, button);
  }

  line(item) {
    const cells = FIELDS.map(([, , text, style]) => (text
      ? node('td', { class: style }, text(item, this.phase))
      : node('td', { class: style }, this.link(item))));
    return row(cells, { 'aria-current': String(item === this.selected) });
  }

  link(item) {
    return node('button', { type: 'button', onclick: () => this.onSelect(item) }, swatch(item.colour), item.label);
  }

  pager() {
    const last = Math.min(this.items.length, this.at + PAGE_ROWS);
    const button = (text, by, off) => node('button', { type: 'button', class: 'plain', disabled: off ? '' : null, onclick: () => this.turn(by) }, text);
    const range = this.items.length ? `${whole(this.at + 1)}\u2013${whole(last)} of ${whole(this.items.length)}` : 'no instruction matches';
    return node('div', { class: 'pager' }, button('Previous', -1, this.at === 0),
      button('Next', 1, last >= this.items.length), node('span', { class: 'dim', role: 'status' }, range));
  }
}

function order(one, other) {
  if (typeof one === 'string') return one.localeCompare(other, 'en', { numeric: true });
  return one - other;
}
