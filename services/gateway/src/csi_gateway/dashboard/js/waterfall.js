// The amplitude waterfall of one stream: time to the right, sub-carriers upwards, one colour scale.

import { COLUMNS, SPAN_MS, columnAt } from "./amplitude-ring.js";
import { NULL_PIXEL, makeColorMap } from "./colormap.js";
import { byId, make, say, sayOrHide } from "./dom.js";

/** Share by which the colour scale follows the data at each measurement: quick enough to settle, too slow to flicker. */
const FOLLOW = 0.25;
const SCALE_EVERY_MS = 500;

/** Columns for which a frame stands at most: until the next one, but no longer than a second. A longer silence is a gap. */
const HOLD = Math.ceil((1000 * COLUMNS) / SPAN_MS);

export class Waterfall {
  constructor() {
    this.canvas = byId("waterfall");
    this.context = this.canvas.getContext("2d", { alpha: true });
    this.buffer = document.createElement("canvas");
    this.note = byId("waterfall-note");
    this.map = makeColorMap();
    this.ring = null;
    this.scale = null;
    this.measuredAt = 0;
    this.paintLegend();
    const times = byId("waterfall-times");
    for (const seconds of [60, 45, 30, 15]) times.append(make("li", {}, `−${seconds} s`));
    times.append(make("li", {}, "now"));
  }

  paintLegend() {
    const canvas = byId("scale");
    const image = canvas.getContext("2d").createImageData(256, 1);
    new Uint32Array(image.data.buffer).set(this.map);
    canvas.getContext("2d").putImageData(image, 0, 0);
  }

  /** `ring` is the stream's own; with another ring everything starts over, so streams never mix. */
  paint(ring, nowMs, note, key) {
    this.canvas.dataset.stream = key;
    sayOrHide(this.note, note);
    if (ring !== this.ring) {
      this.ring = ring;
      this.scale = null;
      this.measuredAt = 0;
    }
    const ratio = devicePixelRatio || 1;
    const width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    const height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.context.clearRect(0, 0, width, height);
    if (ring === null) return;
    this.measure(nowMs);
    if (this.scale === null) return;
    this.fill(Math.max(nowMs, ring.newestMs));
    this.context.imageSmoothingEnabled = false;
    this.context.drawImage(this.buffer, 0, 0, width, height);
  }

  measure(nowMs) {
    if (this.scale !== null && nowMs - this.measuredAt < SCALE_EVERY_MS) return;
    this.measuredAt = nowMs;
    const range = this.ring.range();
    if (range === null) return;
    const follow = this.scale === null ? 1 : FOLLOW;
    const before = this.scale ?? range;
    this.scale = { low: before.low + follow * (range.low - before.low), high: before.high + follow * (range.high - before.high) };
    for (const [id, value] of [["scale-low", this.scale.low], ["scale-high", this.scale.high]]) {
      const element = byId(id);
      element.value = String(value);
      say(element, value.toFixed(1));
    }
  }

  fill(edgeMs) {
    const { ring, buffer } = this;
    if (buffer.width !== COLUMNS || buffer.height !== ring.carriers) Object.assign(buffer, { width: COLUMNS, height: ring.carriers });
    const context = buffer.getContext("2d");
    const image = context.createImageData(COLUMNS, ring.carriers);
    const pixels = new Uint32Array(image.data.buffer);
    const { low, high } = this.scale;
    const steps = 255 / Math.max(high - low, 1e-6);
    const first = columnAt(edgeMs) - COLUMNS + 1;
    let column = null;
    let held = HOLD;
    for (let x = 0; x < COLUMNS; x += 1) {
      const own = ring.column(first + x);
      held = own === null ? held + 1 : 0;
      column = own ?? column;
      if (column === null || held >= HOLD) continue;
      for (let carrier = 0; carrier < ring.carriers; carrier += 1) {
        const value = column[carrier];
        const pixel = value > 0 ? this.map[Math.min(255, Math.max(0, Math.round((value - low) * steps)))] : NULL_PIXEL;
        pixels[(ring.carriers - 1 - carrier) * COLUMNS + x] = pixel;
      }
    }
    context.putImageData(image, 0, 0);
  }
}
