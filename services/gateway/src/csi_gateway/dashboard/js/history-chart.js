// Lyapunov exponent and correlation dimension over the last minute; a null is a gap in the line.

import { SPAN_MS } from "./amplitude-ring.js";
import { sayOrHide } from "./dom.js";
import { CONFIG, plotly, theme } from "./plotly.js";

export class HistoryChart {
  constructor(element, note) {
    this.element = element;
    this.note = note;
  }

  async paint(history, nowMs) {
    const silent = history.every((snapshot) => snapshot.lyapunov_exponent === null && snapshot.attractor_dim === null);
    const nothing = history.every((snapshot) => snapshot.timestamp_ns / 1e6 < nowMs - SPAN_MS);
    const note = nothing ? "Nothing was heard in the last minute." : "For the last minute the data cannot say either of them.";
    sayOrHide(this.note, nothing || silent ? note : "");
    const Plotly = await plotly();
    const colours = theme();
    const x = history.map((snapshot) => (snapshot.timestamp_ns / 1e6 - nowMs) / 1000);
    const line = (color) => ({ color, width: 1.5 });
    const traces = [
      { y: history.map((snapshot) => snapshot.lyapunov_exponent), yaxis: "y", line: line(colours.accent) },
      { y: history.map((snapshot) => snapshot.attractor_dim), yaxis: "y2", line: line(colours.second) },
    ].map((trace) => ({ ...trace, x, type: "scatter", mode: "lines", connectgaps: false, hoverinfo: "skip" }));
    const axis = { gridcolor: colours.line, zerolinecolor: colours.muted, tickfont: colours.font, nticks: 4, fixedrange: true };
    const title = (text) => ({ text, font: colours.font, standoff: 6 });
    const seconds = SPAN_MS / 1000;
    const layout = {
      height: 240,
      margin: { t: 6, r: 12, b: 28, l: 58 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: colours.font,
      showlegend: false,
      xaxis: { ...axis, range: [-seconds, 0], tickvals: [-60, -45, -30, -15, 0], ticktext: ["−60 s", "−45 s", "−30 s", "−15 s", "now"], zeroline: false, anchor: "y2", ticks: "outside", ticklen: 6, tickcolor: "rgba(0,0,0,0)" },
      yaxis: { ...axis, domain: [0.55, 1], title: title("Lyapunov"), zeroline: true },
      yaxis2: { ...axis, domain: [0, 0.45], title: title("dimension"), rangemode: "tozero", zeroline: false },
    };
    await Plotly.react(this.element, traces, layout, CONFIG);
  }
}
