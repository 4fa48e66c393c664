// What is known of one stream: its newest messages and its last minute. Streams are never mixed.

import { AmplitudeRing, SPAN_MS } from "./amplitude-ring.js";

export class Stream {
  constructor(nodeId, label, provenance) {
    this.nodeId = nodeId;
    this.label = label;
    this.provenance = provenance;
    this.sensing = null;
    this.snapshot = null;
    this.amplitude = null;
    this.ring = null;
    this.history = []; // snapshots of the last minute, oldest first
    this.lastSeenNs = 0;
    this.presence = { on: null, sinceNs: 0, exact: false };
    this.motion = { on: null, sinceNs: 0, exact: false };
  }

  get key() {
    return `${this.nodeId}/${this.label}/${this.provenance}`;
  }

  takeSensing(update) {
    if (this.sensing !== null && update.timestamp < this.sensing.timestamp) return;
    const level = update.classification.motion_level;
    const began = update.window.start_ns;
    this.turn(this.presence, update.classification.presence, began, this.sensing !== null);
    this.turn(this.motion, level === "present_moving" || level === "active", began, this.sensing !== null);
    this.sensing = update;
    this.seen(update.window.end_ns);
  }

  takeSnapshot(snapshot) {
    if (this.snapshot !== null && snapshot.timestamp_ns < this.snapshot.timestamp_ns) return;
    this.snapshot = snapshot;
    this.history.push(snapshot);
    const oldest = snapshot.timestamp_ns - SPAN_MS * 1e6;
    while (this.history[0].timestamp_ns < oldest) this.history.shift();
    this.seen(snapshot.timestamp_ns);
  }

  takeAmplitude(message) {
    this.amplitude = message;
    const carriers = message.amplitude.length;
    if (this.ring === null || this.ring.carriers !== carriers) this.ring = new AmplitudeRing(carriers);
    this.ring.add(message.timestamp_ns / 1e6, message.amplitude);
    this.seen(message.timestamp_ns);
  }

  /** Events carry the exact time; a window only bounds it. */
  takeEvent(event) {
    const state = {
      PresenceStarted: [this.presence, true],
      PresenceEnded: [this.presence, false],
      MotionStarted: [this.motion, true],
      MotionEnded: [this.motion, false],
    }[event.event];
    if (state === undefined) return;
    const [episode, on] = state;
    if (event.timestamp_ns < episode.sinceNs && episode.exact) return;
    Object.assign(episode, { on, sinceNs: event.timestamp_ns, exact: true });
  }

  /** Frames per second over the last seconds, counted by the service and not by what reaches this page; null if unknown. */
  framesPerSecond() {
    const last = this.history.at(-1);
    if (last === undefined) return null;
    const first = this.history.find((snapshot) => snapshot.timestamp_ns >= last.timestamp_ns - 5e9);
    const seconds = (last.timestamp_ns - first.timestamp_ns) / 1e9;
    const frames = last.frame_count - first.frame_count;
    return seconds >= 0.5 && frames > 0 ? frames / seconds : null;
  }

  turn(episode, on, ns, watched) {
    if (episode.on === on) return;
    Object.assign(episode, { on, sinceNs: ns, exact: watched });
  }

  seen(ns) {
    this.lastSeenNs = Math.max(this.lastSeenNs, ns);
  }
}
