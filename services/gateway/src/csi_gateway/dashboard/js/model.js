// Everything the page knows, fed by messages; it draws nothing.

import { Node } from "./node.js";
import { Zone } from "./zone.js";

const EVENTS_KEPT = 100;

export class Model {
  constructor() {
    this.nodes = new Map(); // by id and provenance: a replay of a node never meets the node itself
    this.zones = new Map(); // by name
    this.staleAfterS = Infinity; // until the gateway has said it
    this.events = []; // newest first
    this.onEvent = () => {};
    this.seen = new Set(); // identities of the events kept, because history and websocket overlap
  }

  node(id, provenance) {
    const key = `${id}/${provenance}`;
    let node = this.nodes.get(key);
    if (node === undefined) {
      node = new Node(id, provenance);
      this.nodes.set(key, node);
    }
    return node;
  }

  zone(name) {
    if (!this.zones.has(name)) this.zones.set(name, new Zone(name));
    return this.zones.get(name);
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
    if (channel === "cluster") {
      this.zone(message.zone).take(message);
      return;
    }
    const node = this.node(message.node_id, message.provenance);
    const stream = node.stream(message.stream);
    if (channel === "sensing") stream.takeSensing(message);
    else if (channel === "introspection") stream.takeSnapshot(message);
    else if (channel === "amplitude") stream.takeAmplitude(message);
    node.heard(stream.lastSeenNs, message.source);
  }

  /** `fresh`: it has just happened, as opposed to history. */
  takeEvent(event, fresh) {
    const identity = identityOf(event);
    if (this.seen.has(identity)) return;
    this.seen.add(identity);
    this.events.push(event);
    this.events.sort((one, other) => other.timestamp_ns - one.timestamp_ns);
    for (const old of this.events.splice(EVENTS_KEPT)) {
      this.seen.delete(identityOf(old));
    }
    const node = this.node(event.node_id, event.provenance);
    if (event.stream) node.stream(event.stream).takeEvent(event);
    if (event.event === "BreathingEstimated") node.breathing = event;
    if (event.event === "NodeStale") node.declaredStale(event.timestamp_ns);
    if (fresh) this.onEvent(event);
  }

  /** The history the gateway has, as it is after a restart of this page. */
  takeHistory(events) {
    [...events].sort((one, other) => one.timestamp_ns - other.timestamp_ns).forEach((event) => this.takeEvent(event, false));
  }

  /** The gateway's list of nodes; it alone knows about those that were silent since before this page was opened. */
  takeNodes({ nodes, stale_after_s: staleAfterS }) {
    this.staleAfterS = staleAfterS;
    for (const told of nodes) {
      const node = this.node(told.node_id, told.provenance);
      node.heard(told.last_seen_ns, told.source);
      if (told.stale) node.declaredStale(told.last_seen_ns);
      for (const { stream: label, last_seen_ns: ns, provenance } of told.stream_states) {
        this.node(told.node_id, provenance).stream(label).seen(ns);
      }
    }
  }

  /** Decides for every node and zone whether what it last said still holds now. */
  judge(clock) {
    for (const node of this.nodes.values()) node.judge(clock, this.staleAfterS);
    for (const zone of this.zones.values()) zone.judge(clock, this.staleAfterS);
  }
}

const identityOf = ({ event, node_id: node, provenance, stream = "", timestamp_ns: ns }) =>
  [event, node, provenance, stream, ns].join("/");
