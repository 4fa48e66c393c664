// The gateway's clock as seen from here; ages are measured on it, because the browser's clock may be wrong.

export class Clock {
  constructor() {
    this.aheadMs = 0; // browser minus gateway
  }

  /** Learns from an answer that carries the gateway's time (ns) and arrived just now, `roundTripMs` after the question. */
  learn(gatewayNs, roundTripMs) {
    const ahead = Date.now() - roundTripMs / 2 - gatewayNs / 1e6;
    // Better than half the round trip cannot be known; below it the last value stands, so that ages do not jitter.
    if (Math.abs(ahead - this.aheadMs) > roundTripMs / 2) this.aheadMs = ahead;
  }

  /** Gateway time, milliseconds since the Unix epoch. */
  nowMs() {
    return Date.now() - this.aheadMs;
  }

  /** Seconds since a time stamp in nanoseconds. */
  age(ns) {
    return (this.nowMs() - ns / 1e6) / 1000;
  }
}
