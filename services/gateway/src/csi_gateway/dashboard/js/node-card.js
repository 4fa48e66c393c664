// One node on the page: provenance, freshness, presence and motion, and its streams to choose from.

import { makeBadge, showProvenance } from "./badge.js";
import { make, say, sayOrHide } from "./dom.js";
import { MOTION_WORDS, minus, streamWords, timeOfDay } from "./format.js";
import { freshness } from "./freshness.js";

export class NodeCard {
  /** `choose` is called with the key of the stream the reader selects. */
  constructor(node, choose) {
    this.node = node;
    this.choose = choose;
    this.badge = makeBadge();
    this.source = make("p", { className: "source" });
    this.age = make("p", { className: "age" });
    this.motion = make("p", { className: "motion", aria: { live: "polite" } });
    this.since = make("p", { className: "since" });
    this.meter = make("meter", { min: 0, max: 1, low: 0.4, optimum: 1, aria: { label: "confidence" } });
    this.confidence = make("span");
    this.confidenceLine = make("p", { className: "confidence", hidden: true }, this.meter, this.confidence);
    this.breathing = make("p", { className: "breathing", hidden: true });
    this.streams = make("fieldset", { className: "streams" }, make("legend", {}, "Streams"));
    this.rows = new Map();
    this.element = make(
      "article",
      { className: "card node", data: { node: node.id }, aria: { label: `Node ${node.id}` } },
      make("header", {}, make("h3", {}, `Node ${node.id}`), this.badge),
      make("div", { className: "radio" }, this.source, this.age),
      this.motion,
      this.since,
      this.confidenceLine,
      this.breathing,
      this.streams,
    );
  }

  paint(clock, connected, selectedKey) {
    const { node } = this;
    const { words, silent } = freshness(node.lastSeenNs, clock, connected, node.stale);
    const stream = node.liveliest();
    this.element.dataset.provenance = node.provenance;
    this.element.dataset.stale = String(node.stale);
    showProvenance(this.badge, node.provenance, node.stale || !connected);
    const rssi = stream?.sensing.nodes[0]?.rssi_dbm;
    say(this.source, [node.source, rssi === undefined ? "" : `${minus(rssi.toFixed(0))} dBm`].filter(Boolean).join(" · "));
    this.age.classList.toggle("silent", silent);
    say(this.age, words);
    this.paintMotion(stream);
    this.paintBreathing();
    this.paintStreams(selectedKey);
  }

  paintMotion(stream) {
    if (stream === null) {
      this.element.dataset.motion = "";
      say(this.motion, this.node.stale ? "Not known" : "No window yet");
      say(this.since, "");
      this.confidenceLine.hidden = true;
      return;
    }
    const { motion_level: level, confidence } = stream.sensing.classification;
    const words = MOTION_WORDS[level] ?? level;
    this.element.dataset.motion = this.node.stale ? "" : level;
    say(this.motion, this.node.stale ? `Not known; last: ${words.toLowerCase()}` : words);
    say(this.since, this.node.stale ? "" : sinceWords(stream));
    this.confidenceLine.hidden = this.node.stale;
    this.meter.value = confidence;
    say(this.confidence, confidence > 0 ? `confidence ${(100 * confidence).toFixed(0)} %` : "this window cannot say; the last state is kept");
  }

  paintBreathing() {
    const rate = this.node.stale ? null : this.node.breathingRate();
    const sure = rate?.confidence ? `, confidence ${(100 * rate.confidence).toFixed(0)} %` : "";
    sayOrHide(this.breathing, rate === null ? "" : `Breathing ${rate.bpm.toFixed(1)} a minute${sure}`);
  }

  paintStreams(selectedKey) {
    this.streams.hidden = this.node.streams.size === 0;
    for (const stream of [...this.node.streams.values()].sort(byCarriers)) {
      const row = this.row(stream);
      row.radio.checked = stream.key === selectedKey;
      const rate = stream.framesPerSecond();
      say(row.rate, rate === null ? "" : `${rate.toFixed(1)}/s`);
      const regime = this.node.stale ? "" : (stream.snapshot?.regime ?? "");
      row.regime.dataset.regime = regime;
      say(row.regime, regime);
    }
  }

  row(stream) {
    let row = this.rows.get(stream.label);
    if (row === undefined) {
      const radio = make("input", { type: "radio", name: "stream", value: stream.key });
      radio.addEventListener("change", () => this.choose(stream.key));
      const rate = make("span", { className: "rate", title: "frames per second" });
      const regime = make("span", { className: "regime-word" });
      const element = make("label", {}, radio, make("span", { className: "name" }, streamWords(stream.label)), regime, rate);
      row = { radio, rate, regime, element, stream };
      this.rows.set(stream.label, row);
      const sorted = [...this.rows.values()].sort((one, other) => byCarriers(one.stream, other.stream));
      this.streams.append(...sorted.map((each) => each.element));
    }
    return row;
  }
}

function byCarriers(one, other) {
  return one.label.localeCompare(other.label, "en", { numeric: true });
}

function sinceWords(stream) {
  const level = stream.sensing.classification.motion_level;
  const moving = level === "present_moving" || level === "active";
  const episode = moving ? stream.motion : stream.presence;
  if (episode.on === null || episode.sinceNs === 0) return "";
  const word = moving ? "moving" : episode.on ? "there" : "empty";
  return `${word} ${episode.exact ? "since" : "at least since"} ${timeOfDay(episode.sinceNs)}`;
}
