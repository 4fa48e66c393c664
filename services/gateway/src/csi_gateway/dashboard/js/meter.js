// Messages per second over the last few seconds.

const SPAN_MS = 5000;

export class Meter {
  constructor() {
    this.since = performance.now();
    this.arrivals = [];
  }

  count() {
    this.arrivals.push(performance.now());
    if (this.arrivals.length > 4096) this.trim();
  }

  trim() {
    const oldest = performance.now() - SPAN_MS;
    const first = this.arrivals.findIndex((at) => at >= oldest);
    this.arrivals.splice(0, first === -1 ? this.arrivals.length : first);
  }

  perSecond() {
    this.trim();
    const measured = Math.min(SPAN_MS, Math.max(1000, performance.now() - this.since));
    return (this.arrivals.length * 1000) / measured;
  }
}
