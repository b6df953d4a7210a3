// Draws the timeline on its canvas.

const LANE = 20;
const AXIS = 24;
const GUTTER = 172;
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif';

class Painter {
  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext('2d');
    this.refreshColours();
  }

  refreshColours() {
    const style = getComputedStyle(document.documentElement);
    const names = ['box', 'line', 'faint', 'text', 'dim', 'accent', 'on-bar', 'bad', ...COLOURS.map(([key]) => key)];
    this.colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  }

  resize(width, height) {
    const ratio = window.devicePixelRatio || 1;
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.canvas.style.width = `${width}px`;
    this.canvas.style.height = `${height}px`;
    this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  x(view, ns) {
    return GUTTER + ((ns - view.from) / (view.to - view.from)) * (this.width - GUTTER);
  }

  paint(scene) {
    const { pen, colours } = this;
    pen.font = FONT;
    pen.textBaseline = 'middle';
    pen.fillStyle = colours.box;
    pen.fillRect(0, 0, this.width, this.height);
    const first = Math.floor(scene.scroll / LANE);
    const last = Math.min(scene.rows.length, Math.ceil((scene.scroll + this.height) / LANE));
    const ticks = this.ticks(scene.view);
    for (let at = first; at < last; at += 1) this.lane(scene, at, AXIS + at * LANE - scene.scroll, ticks);
    this.marks(scene);
    this.axis(scene.view, ticks);
  }

  lane(scene, at, top, ticks) {
    const { pen, colours, width } = this;
    const lane = scene.rows[at];
    if (lane.kind === 'device') {
      pen.fillStyle = colours.faint;
      pen.fillRect(0, top, width, LANE);
    }
    pen.fillStyle = colours.line;
    for (const ns of ticks) pen.fillRect(Math.round(this.x(scene.view, ns)), top, 1, LANE);
    this.gutter(lane, top);
    this.within(GUTTER, top, width - GUTTER, LANE, () => this.bars(scene, lane, top));
  }

  gutter(lane, top) {
    const { pen, colours } = this;
    const indent = lane.kind === 'device' ? 12 : 24;
    const note = lane.note ? pen.measureText(lane.note).width + 8 : 0;
    pen.fillStyle = lane.kind === 'toggle' ? colours.accent : lane.kind === 'device' ? colours.text : colours.dim;
    pen.fillText(this.fitted(lane.label, GUTTER - indent - 10 - note), indent, top + LANE / 2);
    if (!note) return;
    pen.fillStyle = colours.dim;
    pen.fillText(lane.note, GUTTER - note - 2, top + LANE / 2);
  }

  // Bars that match no search are drawn first and faintly.
  bars(scene, lane, top) {
    const { from, to } = scene.view;
    const visible = lane.items.filter((item) => item.end_ns >= from && item.start_ns <= to);
    this.pen.globalAlpha = 0.15;
    for (const item of visible) if (!scene.matches(item)) this.bar(scene, item, top, false);
    this.pen.globalAlpha = lane.kind === 'toggle' ? 0.7 : 1;
    for (const item of visible) if (scene.matches(item)) this.bar(scene, item, top, lane.kind !== 'toggle');
    this.pen.globalAlpha = 1;
    for (const item of visible) if (item === scene.selected || item === scene.hovered) this.outline(scene, item, top);
  }

  box(scene, item) {
    const left = Math.max(GUTTER - 2, this.x(scene.view, item.start_ns));
    const right = Math.min(this.width + 2, this.x(scene.view, item.end_ns));
    const breadth = Math.max(1, right - left);
    return { left, breadth: breadth > 4 ? breadth - 1 : breadth };
  }

  bar(scene, item, top, named) {
    const { pen, colours } = this;
    const { left, breadth } = this.box(scene, item);
    pen.fillStyle = colours[item.colour];
    pen.fillRect(left, top + 2, breadth, LANE - 4);
    if (!named || breadth < 34) return;
    pen.fillStyle = colours['on-bar'];
    pen.fillText(this.fitted(item.label, breadth - 8), left + 4, top + LANE / 2);
  }

  outline(scene, item, top) {
    const { left, breadth } = this.box(scene, item);
    this.pen.strokeStyle = this.colours.text;
    this.pen.lineWidth = 2;
    this.pen.strokeRect(left - 1, top + 2, breadth + 2, LANE - 4);
  }

  fitted(text, room) {
    const { pen } = this;
    if (pen.measureText(text).width <= room) return text;
    let kept = Math.max(0, Math.floor((text.length * room) / pen.measureText(text).width));
    while (kept > 0 && pen.measureText(`${text.slice(0, kept)}\u2026`).width > room) kept -= 1;
    return kept > 0 ? `${text.slice(0, kept)}\u2026` : '';
  }

  within(left, top, width, height, draw) {
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(left, top, width, height);
    this.pen.clip();
    draw();
    this.pen.restore();
  }

  // Round times at least 90 pixels apart.
  ticks(view) {
    const least = ((view.to - view.from) * 90) / Math.max(1, this.width - GUTTER);
    const power = 10 ** Math.floor(Math.log10(least));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= least);
    const found = [];
    for (let at = Math.ceil(view.from / step); at * step <= view.to; at += 1) found.push(at * step);
    return found;
  }

  axis(view, ticks) {
    const { pen, colours, width } = this;
    pen.fillStyle = colours.box;
    pen.fillRect(0, 0, width, AXIS);
    pen.fillStyle = colours.dim;
    pen.fillText('resource', 12, AXIS / 2);
    for (const ns of ticks) {
      const left = this.x(view, ns);
      if (left + 60 < width) pen.fillText(exactTime(ns, ticks), left + 3, AXIS / 2);
    }
    pen.fillStyle = colours.line;
    for (const ns of ticks) pen.fillRect(Math.round(this.x(view, ns)), 4, 1, AXIS - 4);
    pen.fillRect(0, AXIS - 1, width, 1);
    pen.fillRect(GUTTER - 1, 0, 1, this.height);
  }

  // The proven bound: no schedule of the step ends before this line.
  marks({ view, bound_ns }) {
    if (bound_ns === null || bound_ns < view.from || bound_ns > view.to) return;
    const { pen, colours } = this;
    pen.strokeStyle = colours.bad;
    pen.lineWidth = 1;
    pen.setLineDash([4, 3]);
    pen.beginPath();
    pen.moveTo(Math.round(this.x(view, bound_ns)) + 0.5, AXIS);
    pen.lineTo(Math.round(this.x(view, bound_ns)) + 0.5, this.height);
    pen.stroke();
    pen.setLineDash([]);
  }
}

// A tick in the unit of the largest tick, with the digits that tell neighbours apart.
function exactTime(ns, ticks) {
  const most = ticks.at(-1);
  const [size, unit] = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']].find(([least]) => most >= least) ?? [1, 'ns'];
  const step = ticks.length > 1 ? (ticks[1] - ticks[0]) / size : 1;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return `${(ns / size).toFixed(Math.min(9, digits))} ${unit}`;
}
