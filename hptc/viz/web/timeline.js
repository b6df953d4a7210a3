// The timeline: canvas, view (a stretch of time), pointer, wheel and keyboard.

const TALLEST = 420;
const NARROWEST_NS = 5;

class Timeline {
  constructor(host, tooltip, onSelect) {
    Object.assign(this, { tooltip, onSelect, selected: null, hovered: null, expanded: false, matches: () => true });
    Object.assign(this, { rows: [], end_ns: NARROWEST_NS, bound_ns: null, view: { from: 0, to: NARROWEST_NS } });
    this.canvas = node('canvas', { tabindex: '0', role: 'img', 'aria-describedby': 'timeline-keys' });
    this.spacer = node('div');
    this.scroller = node('div', { class: 'lanes' }, this.canvas, this.spacer);
    this.heading = node('h2');
    this.key = node('div', { class: 'key' });
    host.replaceChildren(this.heading, this.key, this.scroller, node('div', { class: 'hint', id: 'timeline-keys' },
      'Wheel or + \u2212 zooms, drag or Shift+\u2190 \u2192 pans, 0 fits; \u2190 \u2192 steps through the lane, \u2191 \u2193 changes lane. The table below holds the same instructions.'));
    this.painter = new Painter(this.canvas);
    this.layout();
    this.listen();
  }

  listen() {
    const { canvas } = this;
    this.scroller.addEventListener('scroll', () => this.redraw());
    canvas.addEventListener('wheel', (event) => this.onWheel(event), { passive: false });
    canvas.addEventListener('pointerdown', (event) => this.onDown(event));
    canvas.addEventListener('pointermove', (event) => this.onMove(event));
    canvas.addEventListener('pointerup', (event) => this.onUp(event));
    canvas.addEventListener('pointerleave', () => this.hover(null));
    canvas.addEventListener('keydown', (event) => this.onKey(event));
    new ResizeObserver(() => {
      if (this.scroller.clientWidth !== this.painter.width) this.layout();
    }).observe(this.scroller);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.painter.refreshColours();
      this.redraw();
    });
  }

  show(phase, stage) {
    Object.assign(this, { phase, stage, selected: null, hovered: null });
    const ends = phase.instructions.filter((item) => item.stage === stage).map((item) => item.end_ns);
    const latest = ends.reduce((most, end) => Math.max(most, end), stage === 'step' ? phase.totals.latency_ns : 0);
    this.end_ns = Math.max(latest, NARROWEST_NS);
    this.bound_ns = stage === 'step' ? phase.totals.lower_bound_ns : null;
    this.view = { from: 0, to: this.end_ns };
    this.arrange();
  }

  arrange() {
    this.rows = laneRows(this.phase, this.stage, this.expanded);
    const items = this.rows.flatMap((lane) => lane.items);
    const used = new Set(items.map((item) => item.colour));
    const keys = COLOURS.filter(([key]) => used.has(key)).map(([key, label]) => node('span', {}, swatch(key), label));
    const bound = this.bound_ns === null ? [] : [node('span', { class: 'bad' }, `\u2506 lower bound ${time(this.bound_ns)}`)];
    this.key.replaceChildren(...keys, ...bound);
    this.heading.textContent = items.length ? `Timeline: ${plural(items.length, 'instruction')} in ${time(this.end_ns)}` : 'Timeline: nothing to draw in this part';
    this.canvas.setAttribute('aria-label', `Timeline of ${plural(items.length, 'instruction')} on ${plural(this.rows.length, 'lane')}`);
    this.layout();
  }

  layout() {
    const full = AXIS + this.rows.length * LANE;
    const height = Math.min(TALLEST, full);
    this.spacer.style.height = `${full - height}px`;
    this.painter.resize(this.scroller.clientWidth, height);
    this.redraw();
  }

  redraw() {
    this.painter.paint({ ...this, scroll: this.scroller.scrollTop });
  }

  search(matches) {
    this.matches = matches;
    this.redraw();
  }

  toggle() {
    this.expanded = !this.expanded;
    this.arrange();
  }

  // Keeps the view inside the step.
  move(from, span) {
    const width = Math.min(this.end_ns, Math.max(NARROWEST_NS, span));
    const start = Math.min(Math.max(0, from), this.end_ns - width);
    this.view = { from: start, to: start + width };
    this.redraw();
  }

  zoom(factor, centre = (this.view.from + this.view.to) / 2) {
    const span = Math.min(this.end_ns, (this.view.to - this.view.from) * factor);
    const share = (centre - this.view.from) / (this.view.to - this.view.from);
    this.move(centre - share * span, span);
  }

  pan(share) {
    const span = this.view.to - this.view.from;
    this.move(this.view.from + share * span, span);
  }

  fit() {
    this.move(0, this.end_ns);
  }

  select(item) {
    this.selected = item;
    if (item && item.stage === this.stage) this.reveal(item);
    this.redraw();
  }

  reveal(item) {
    const span = this.view.to - this.view.from;
    const visible = item.start_ns >= this.view.from && item.end_ns <= this.view.to;
    const wide = item.duration_ns >= span / 300;
    if (!visible || !wide) {
      const next = wide ? Math.max(span, item.duration_ns * 1.2) : Math.max(NARROWEST_NS, item.duration_ns * 25);
      this.move((item.start_ns + item.end_ns - next) / 2, next);
    }
    const top = this.rows.findIndex((lane) => lane.items.includes(item)) * LANE;
    const room = this.painter.height - AXIS - LANE;
    if (top < this.scroller.scrollTop || top > this.scroller.scrollTop + room) this.scroller.scrollTop = top - room / 2;
  }

  spot(event) {
    const bounds = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    const lane = y < AXIS ? undefined : this.rows[Math.floor((y - AXIS + this.scroller.scrollTop) / LANE)];
    const scale = (this.view.to - this.view.from) / (this.painter.width - GUTTER);
    return { x, lane, scale, ns: this.view.from + (x - GUTTER) * scale };
  }

  // The bar under the pointer, else the nearest within three pixels.
  itemAt({ x, lane, scale, ns }) {
    if (!lane || x < GUTTER) return null;
    let best = null;
    let least = 3 * scale;
    for (const item of lane.items) {
      const distance = Math.max(item.start_ns - ns, ns - item.end_ns, 0);
      if (distance < least || (distance === 0 && this.matches(item))) [best, least] = [item, distance];
    }
    return best;
  }

  onWheel(event) {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
      event.preventDefault();
      this.pan((event.deltaX || event.deltaY) / 1000);
      return;
    }
    if (event.deltaY > 0 && this.view.to - this.view.from >= this.end_ns) return; // fitted: let the page scroll
    event.preventDefault();
    this.zoom(Math.exp(Math.sign(event.deltaY) * Math.min(0.5, Math.abs(event.deltaY) / 400)), this.spot(event).ns);
  }

  onDown(event) {
    this.drag = { x: event.clientX, from: this.view.from, moved: false };
    this.canvas.setPointerCapture(event.pointerId);
  }

  onMove(event) {
    if (!this.drag) {
      this.hover(this.itemAt(this.spot(event)), event);
      return;
    }
    const shift = event.clientX - this.drag.x;
    this.drag.moved ||= Math.abs(shift) > 4;
    if (!this.drag.moved) return;
    this.hover(null);
    this.move(this.drag.from - shift * this.spot(event).scale, this.view.to - this.view.from);
  }

  onUp(event) {
    const { moved } = this.drag ?? { moved: true };
    this.drag = null;
    if (moved) return;
    const spot = this.spot(event);
    if (spot.lane?.kind === 'toggle' && spot.x < GUTTER) this.toggle();
    else this.onSelect(this.itemAt(spot));
  }

  hover(item, event) {
    const changed = item !== this.hovered;
    this.hovered = item;
    this.tooltip.show(item, event);
    if (changed) this.redraw();
  }

  onKey(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const jump = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (event.key === '+' || event.key === '=') this.zoom(0.6);
    else if (event.key === '-') this.zoom(1 / 0.6);
    else if (event.key === '0') this.fit();
    else if (event.key === 'Escape') this.onSelect(null);
    else if (step && event.shiftKey) this.pan(step * 0.2);
    else if (step) this.step(step);
    else if (jump) this.jump(jump);
    else return;
    event.preventDefault();
  }

  step(by) {
    const lane = this.rows.find((row_) => row_.items.includes(this.selected)) ?? this.rows.find((row_) => row_.items.length);
    if (!lane) return;
    const at = lane.items.indexOf(this.selected);
    this.onSelect(lane.items[at < 0 ? 0 : Math.min(lane.items.length - 1, Math.max(0, at + by))]);
  }

  // To the bar of the next used lane that starts closest to the selected one.
  jump(by) {
    let at = this.rows.findIndex((lane) => lane.items.includes(this.selected));
    do at += by; while (this.rows[at] && !this.rows[at].items.length);
    if (!this.rows[at]) return;
    const start = this.selected?.start_ns ?? 0;
    const distance = (item) => Math.abs(item.start_ns - start);
    this.onSelect(this.rows[at].items.reduce((best, item) => (distance(item) < distance(best) ? item : best)));
  }
}
