// The last minute of one stream's amplitudes, in columns of equal time, so that silence shows as a gap.

export const SPAN_MS = 60000;
export const COLUMNS = 480;
const COLUMN_MS = SPAN_MS / COLUMNS;

/** The absolute column a time belongs to; `ms` is milliseconds since the Unix epoch. */
export const columnAt = (ms) => Math.floor(ms / COLUMN_MS);

export class AmplitudeRing {
  constructor(carriers) {
    this.carriers = carriers;
    this.values = new Float32Array(COLUMNS * carriers);
    this.held = new Float64Array(COLUMNS).fill(-1); // which absolute column each slot holds
    this.newestMs = 0;
  }

  /** Puts a frame into its column, in the place of one that came before it. A frame from before the span is left out. */
  add(ms, amplitude) {
    const column = columnAt(ms);
    if (column <= columnAt(this.newestMs) - COLUMNS) return;
    const slot = column % COLUMNS;
    this.values.set(amplitude, slot * this.carriers);
    this.held[slot] = column;
    this.newestMs = Math.max(this.newestMs, ms);
  }

  /** The amplitudes of an absolute column, a view; null where no frame fell into it. */
  column(column) {
    const slot = ((column % COLUMNS) + COLUMNS) % COLUMNS;
    if (this.held[slot] !== column) return null;
    return this.values.subarray(slot * this.carriers, (slot + 1) * this.carriers);
  }

  /** The 2nd and 98th percentile of the amplitudes that are not null; null while there are none. */
  range() {
    const present = [];
    for (let slot = 0; slot < COLUMNS; slot += 1) {
      if (this.held[slot] <= columnAt(this.newestMs) - COLUMNS) continue;
      for (let carrier = 0; carrier < this.carriers; carrier += 1) {
        const value = this.values[slot * this.carriers + carrier];
        if (value > 0) present.push(value);
      }
    }
    if (present.length === 0) return null;
    const sorted = Float32Array.from(present).sort();
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    return { low: at(0.02), high: at(0.98) };
  }
}
