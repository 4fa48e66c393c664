// The selected stream: heading, introspection, waterfall and history.

import { showProvenance } from "./badge.js";
import { byId, say } from "./dom.js";
import { streamWords } from "./format.js";
import { freshness } from "./freshness.js";
import { HistoryChart } from "./history-chart.js";
import { IntrospectionView } from "./introspection-view.js";
import { Waterfall } from "./waterfall.js";

export class StreamView {
  constructor() {
    this.panel = byId("stream-panel");
    this.title = byId("stream-title");
    this.badge = byId("stream-provenance");
    this.age = byId("stream-age");
    this.introspection = new IntrospectionView();
    this.waterfall = new Waterfall();
    this.history = new HistoryChart(byId("history"), byId("history-note"));
  }

  paintFigures(stream, node, clock, connected) {
    say(this.title, stream === null ? "No stream selected" : `Node ${stream.nodeId}: ${streamWords(stream.label)}`);
    this.panel.dataset.stream = stream?.key ?? "";
    const { words, silent } = freshness(stream?.lastSeenNs ?? 0, clock, connected, node?.stale);
    showProvenance(this.badge, node?.provenance ?? "", !connected || node?.stale);
    this.panel.dataset.stale = String(silent);
    say(this.age, words);
    this.introspection.paint(stream?.snapshot ?? null, silent);
  }

  paintWaterfall(stream, clock, connected) {
    const ring = stream?.ring ?? null;
    let note = "";
    if (stream === null) note = "Choose a stream.";
    else if (!connected) note = "Disconnected";
    else if (ring === null) note = this.panel.dataset.stale === "true" ? "No amplitudes: this stream is silent." : "Waiting for amplitudes.";
    this.waterfall.paint(ring, clock.nowMs(), note, stream?.key ?? "");
  }

  async paintCharts(stream, clock, scheme) {
    await this.introspection.paintGauge(scheme);
    if (stream !== null && stream.history.length > 0) await this.history.paint(stream.history, clock.nowMs());
  }
}
