// The introspection panel of the selected stream.

import { byId, say, sayNumber, sayOrHide } from "./dom.js";
import { REGIME_MEANING } from "./format.js";
import { Gauge } from "./gauge.js";
import { MatchesView } from "./matches-view.js";

export class IntrospectionView {
  constructor() {
    this.note = byId("introspection-note");
    this.readings = byId("introspection");
    this.regime = byId("regime");
    this.dimension = byId("dimension");
    this.confidence = byId("attractor-confidence");
    this.frames = byId("frames");
    this.lyapunov = byId("lyapunov");
    this.gauge = new Gauge(byId("gauge"));
    this.matches = new MatchesView();
    this.enabled = true;
    this.shown = null; // the snapshot whose numbers stand on the page
  }

  /** Whether the gateway serves introspection at all. */
  takeEnabled(enabled) {
    this.enabled = enabled;
  }

  /** `silent`: the stream sends no more, so the numbers are its last. */
  paint(snapshot, silent) {
    this.readings.hidden = snapshot === null;
    sayOrHide(this.note, this.noteOn(snapshot, silent));
    this.shown = snapshot;
    if (snapshot === null) return;
    this.readings.dataset.sequence = String(snapshot.sequence);
    this.regime.dataset.regime = snapshot.regime;
    this.regime.title = REGIME_MEANING[snapshot.regime] ?? "";
    say(this.regime, snapshot.regime);
    sayNumber(this.dimension, snapshot.attractor_dim, 2);
    sayNumber(this.confidence, snapshot.attractor_confidence, 2);
    sayNumber(this.frames, snapshot.frame_count, 0);
    sayNumber(this.lyapunov, snapshot.lyapunov_exponent, 3);
    this.matches.paint(snapshot);
  }

  noteOn(snapshot, silent) {
    if (!this.enabled) return "Introspection is switched off on this gateway; start csiflow with --introspection to have it.";
    if (snapshot === null) return "No snapshot of this stream yet.";
    if (silent) return "The last values before this stream fell silent; nothing is known about now.";
    return snapshot.calibrating ? "Calibrating: what quiet looks like on this stream is not known yet." : "";
  }

  /** The gauge is the dear part, so it is drawn at a pace of its own. */
  paintGauge(scheme) {
    return this.shown === null ? null : this.gauge.paint(this.shown.lyapunov_exponent, scheme);
  }
}
