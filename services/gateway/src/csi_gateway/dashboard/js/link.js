// The connection to the gateway as a whole: REST first (it tells why), then the websockets; all up or all again.

import { RefusedError, get } from "./api.js";
import { Backoff } from "./backoff.js";
import { Channel } from "./channel.js";

const POLL_MS = 2000;

/** Channels that are always open. Coalescing is the gateway's work, so a fast stream costs this page little. */
const CHANNELS = [
  { name: "sensing", path: "ws/sensing", query: { max_hz: 4, snapshot: 1 } },
  { name: "introspection", path: "ws/introspection", query: { max_hz: 5, snapshot: 1 } },
  { name: "cluster", path: "ws/cluster", query: { max_hz: 5, snapshot: 1 } },
  { name: "events", path: "ws/events", query: {} },
];
const AMPLITUDE_HZ = 20;

export class Link {
  /**
   * `on` has state(link), nodes(body, tookMs), events(body), signatures(body), wantsSignatures(), message(name, value)
   * and dropped(name, control).
   */
  constructor(on, backoff = new Backoff()) {
    this.on = on;
    this.backoff = backoff;
    this.state = "connecting"; // connecting | connected | waiting | unauthorised
    this.reason = "";
    this.retryAt = 0; // Date.now() of the next attempt while waiting
    this.channels = new Map();
    this.watched = null; // node whose amplitudes are followed
    this.generation = 0; // everything started by an earlier attempt is ignored
    this.timer = 0; // the next poll or the next attempt: never both
    addEventListener("online", () => this.state === "waiting" && this.connect());
  }

  /** Starts over at once: at the beginning, with a new token, or because the reader does not want to wait. */
  async connect() {
    this.tearDown();
    const generation = this.generation;
    this.become("connecting", "");
    try {
      const nodes = await get("api/v1/nodes");
      const events = await get("api/v1/events");
      const signatures = await signatureLibrary();
      if (generation !== this.generation) return;
      this.on.nodes(nodes.body, nodes.tookMs);
      this.on.events(events.body);
      this.on.signatures(signatures);
      await Promise.all(wantedChannels(nodes.body).map(({ name, path, query }) => this.open(name, path, query, generation)));
      if (this.watched !== null) await this.openAmplitude(generation);
    } catch (error) {
      if (generation === this.generation) this.fail(error);
      return;
    }
    if (generation !== this.generation) return;
    this.backoff.reset();
    this.become("connected", "");
    this.later(POLL_MS, () => this.poll(generation));
  }

  /** Follows the amplitudes of one node; the others' are not worth their traffic. */
  async watch(nodeId) {
    if (this.watched === nodeId) return;
    this.watched = nodeId;
    if (this.state !== "connected") return;
    const generation = this.generation;
    try {
      await this.openAmplitude(generation);
    } catch (error) {
      if (generation === this.generation && this.watched === nodeId) this.fail(error);
    }
  }

  async openAmplitude(generation) {
    this.channels.get("amplitude")?.close();
    await this.open("amplitude", "ws/amplitude", { node: this.watched, max_hz: AMPLITUDE_HZ }, generation);
  }

  async open(name, path, query, generation) {
    const current = () => generation === this.generation && this.channels.get(name) === channel;
    const channel = new Channel(name, path, query, {
      message: (_, value) => current() && this.on.message(name, value),
      dropped: (_, control) => current() && this.on.dropped(name, control),
      lost: (_, why) => current() && this.fail(new Error(why)),
    });
    this.channels.set(name, channel);
    await channel.opened();
  }

  /** Nodes grow stale without a message, and a gateway that hangs closes nothing: both show here. */
  async poll(generation) {
    try {
      const { body, tookMs } = await get("api/v1/nodes");
      if (generation !== this.generation) return;
      this.on.nodes(body, tookMs);
      const signatures = this.on.wantsSignatures() ? await signatureLibrary() : null;
      if (generation === this.generation && signatures !== null) this.on.signatures(signatures);
    } catch (error) {
      if (generation === this.generation) this.fail(error);
      return;
    }
    if (generation === this.generation) this.later(POLL_MS, () => this.poll(generation));
  }

  fail(error) {
    this.tearDown();
    if (error instanceof RefusedError && error.status === 401) {
      this.become("unauthorised", error.message);
      return;
    }
    const wait = this.backoff.next();
    this.retryAt = Date.now() + wait;
    this.become("waiting", why(error));
    this.later(wait, () => this.connect());
  }

  tearDown() {
    this.generation += 1;
    clearTimeout(this.timer);
    this.channels.forEach((channel) => channel.close());
    this.channels.clear();
  }

  later(ms, action) {
    this.timer = setTimeout(action, ms);
  }

  become(state, reason) {
    this.state = state;
    this.reason = reason;
    this.on.state(this);
  }
}

/** The page can do without the library's labels and thresholds, so why it has none is shown where they would be. */
async function signatureLibrary() {
  try {
    return { reason: "", ...(await get("api/v1/signatures")).body };
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return { reason: error.message, signatures: [], broken: [] };
    throw error;
  }
}

/** A gateway whose introspection is switched off says so in its list of nodes, and has no such websockets. */
function wantedChannels(told) {
  const needIntrospection = ["introspection", "cluster"];
  return CHANNELS.filter(({ name }) => told.introspection_enabled || !needIntrospection.includes(name));
}

function why(error) {
  if (error instanceof RefusedError) return `the gateway answered ${error.status}: ${error.message}`;
  if (error.name === "TimeoutError") return "the gateway does not answer";
  if (error instanceof TypeError) return "the gateway cannot be reached";
  return error.message;
}
