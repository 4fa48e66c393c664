// The Lyapunov exponent as a gauge: left of 0 neighbouring states draw together, right of it they part.

import { minus } from "./format.js";
import { CONFIG, plotly, theme } from "./plotly.js";

const LOW = -0.5;
const HIGH = 1;

export class Gauge {
  constructor(element) {
    this.element = element;
    this.drawn = undefined;
  }

  /** `value` is null where the data cannot say: then no needle is drawn. */
  async paint(value, scheme) {
    const wanted = `${value}/${scheme}`;
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    const Plotly = await plotly();
    const colours = theme();
    const low = Math.min(LOW, value ?? LOW);
    const high = Math.max(HIGH, value ?? HIGH);
    const gauge = {
      axis: { range: [low, high], tickvals: [low, 0, high], tickfont: colours.font, tickcolor: colours.line, ticktext: [low, 0, high].map((tick) => minus(String(Math.round(100 * tick) / 100))) },
      bar: { color: "rgba(0,0,0,0)", line: { width: 0 } },
      bgcolor: "rgba(0,0,0,0)",
      borderwidth: 0,
      steps: [
        { range: [low, 0], color: colours.calm },
        { range: [0, high], color: colours.lively },
      ],
    };
    if (value !== null) gauge.threshold = { value, thickness: 1, line: { color: colours.ink, width: 4 } };
    const trace = { type: "indicator", mode: "gauge", value: value ?? low, gauge, domain: { x: [0, 1], y: [0, 1] } };
    const layout = { margin: { t: 18, r: 36, b: 6, l: 36 }, paper_bgcolor: "rgba(0,0,0,0)", font: colours.font, height: 116 };
    await Plotly.react(this.element, [trace], layout, CONFIG);
  }
}
