// Everything the page knows, fed by messages; it draws nothing.

import { Node } from "./node.js";

const EVENTS_KEPT = 100;

export class Model {
  constructor() {
    this.nodes = new Map();
    this.events = []; // newest first
    this.onEvent = () => {};
    this.seen = new Set(); // identities of the events kept, because history and websocket overlap
  }

  node(id) {
    let node = this.nodes.get(id);
    if (node === undefined) {
      node = new Node(id);
      this.nodes.set(id, node);
    }
    return node;
  }

  /** Streams of all nodes, nodes and streams in a steady order. */
  streams() {
    return [...this.nodes.values()].flatMap((node) => [...node.streams.values()]);
  }

  streamByKey(key) {
    return this.streams().find((stream) => stream.key === key) ?? null;
  }

  take(channel, message) {
    if (channel === "events") {
      this.takeEvent(message, true);
      return;
    }
    const node = this.node(message.node_id);
    const stream = node.stream(message.stream);
    if (channel === "sensing") stream.takeSensing(message);
    else if (channel === "introspection") stream.takeSnapshot(message);
    else if (channel === "amplitude") stream.takeAmplitude(message);
    node.heard(stream.lastSeenNs, message.provenance, message.source);
  }

  /** `fresh`: it has just happened, as opposed to history. */
  takeEvent(event, fresh) {
    const identity = `${event.event}/${event.node_id}/${event.stream ?? ""}/${event.timestamp_ns}`;
    if (this.seen.has(identity)) return;
    this.seen.add(identity);
    this.events.push(event);
    this.events.sort((one, other) => other.timestamp_ns - one.timestamp_ns);
    for (const old of this.events.splice(EVENTS_KEPT)) {
      this.seen.delete(`${old.event}/${old.node_id}/${old.stream ?? ""}/${old.timestamp_ns}`);
    }
    const node = this.node(event.node_id);
    if (event.stream) node.stream(event.stream).takeEvent(event);
    if (event.event === "BreathingEstimated") node.breathing = event;
    if (event.event === "NodeStale") node.stale = true;
    if (event.event === "NodeBack") node.stale = false;
    if (fresh) this.onEvent(event);
  }

  /** The history the gateway has, as it is after a restart of this page. */
  takeHistory(events) {
    [...events].sort((one, other) => one.timestamp_ns - other.timestamp_ns).forEach((event) => this.takeEvent(event, false));
  }

  /** The gateway's list of nodes; it alone knows about those that were silent since before this page was opened. */
  takeNodes(nodes) {
    for (const told of nodes) {
      const node = this.node(told.node_id);
      node.heard(told.last_seen_ns, told.provenance, told.source);
      node.stale = told.stale;
      for (const { stream: label, last_seen_ns: ns } of told.stream_states) node.stream(label).seen(ns);
    }
  }
}
