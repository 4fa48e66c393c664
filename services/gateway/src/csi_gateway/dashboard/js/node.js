// What is known of one node: its radio, how fresh it is, and its streams.

import { MOTION_ORDER } from "./format.js";
import { Stream } from "./stream.js";

/** A stream that is this much older than its node's newest no longer speaks for the node. */
const RECENT_NS = 10e9;

export class Node {
  constructor(id, provenance) {
    this.id = id;
    this.provenance = provenance;
    this.source = "";
    this.lastSeenNs = 0;
    this.declaredStaleNs = 0; // when it was last said to be silent
    this.stale = false; // as judged
    this.streams = new Map();
    this.breathing = null; // newest BreathingEstimated
  }

  stream(label) {
    let stream = this.streams.get(label);
    if (stream === undefined) {
      stream = new Stream(this.id, label, this.provenance);
      this.streams.set(label, stream);
    }
    return stream;
  }

  get key() {
    return `${this.id}/${this.provenance}`;
  }

  /** Notes a message of this node: what kind of radio sends it, and when it was last heard. */
  heard(ns, source) {
    if (ns < this.lastSeenNs) return;
    this.lastSeenNs = ns;
    if (source) this.source = source;
  }

  /** A NodeStale event, or the gateway's list; it holds until something newer is heard. */
  declaredStale(ns) {
    this.declaredStaleNs = Math.max(this.declaredStaleNs, ns);
  }

  judge(clock, staleAfterS) {
    this.stale = this.lastSeenNs <= this.declaredStaleNs || clock.age(this.lastSeenNs) > staleAfterS;
  }

  /** The stream that says most is going on, among those with fresh windows; null before the first window. */
  liveliest() {
    const told = [...this.streams.values()].filter((stream) => stream.sensing !== null);
    const newest = Math.max(...told.map((stream) => stream.sensing.window.end_ns));
    const recent = told.filter((stream) => stream.sensing.window.end_ns >= newest - RECENT_NS);
    const rank = (stream) => MOTION_ORDER.indexOf(stream.sensing.classification.motion_level);
    return recent.reduce((best, stream) => (best === null || rank(stream) > rank(best) ? stream : best), null);
  }

  /** Breathing as the newest window or event gave it; null when there is none that is still of use. */
  breathingRate() {
    for (const stream of this.streams.values()) {
      const vital = stream.sensing?.vital_signs;
      if (vital?.breathing_rate_bpm !== undefined && stream.sensing.window.end_ns >= this.lastSeenNs - RECENT_NS) {
        return { bpm: vital.breathing_rate_bpm, confidence: vital.breathing_confidence ?? null };
      }
    }
    if (this.breathing !== null && this.breathing.timestamp_ns >= this.lastSeenNs - 30e9) {
      return { bpm: this.breathing.breathing_rate_bpm, confidence: this.breathing.confidence ?? null };
    }
    return null;
  }
}
