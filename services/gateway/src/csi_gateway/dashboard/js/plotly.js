// plotly.js, loaded once and only when the first chart is drawn: it is large, and the rest of the page needs none of it.

let loading = null;

/** Resolves to the Plotly object. */
export function plotly() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("static/vendor/plotly.min.js", document.baseURI).href;
    script.addEventListener("load", () => resolve(globalThis.Plotly));
    script.addEventListener("error", () => reject(new Error(`plotly.js could not be loaded from ${script.src}`)));
    document.head.append(script);
  });
  return loading;
}

/** The page's colours and type for a chart; they change with the reader's colour scheme. */
export function theme() {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return {
    ink: colour("ink"),
    muted: colour("muted"),
    line: colour("line"),
    accent: colour("accent"),
    second: colour("second"),
    calm: colour("calm"),
    lively: colour("lively"),
    font: { family: getComputedStyle(document.body).fontFamily, size: 11, color: colour("muted") },
  };
}

export const CONFIG = { displayModeBar: false, staticPlot: true, responsive: true };
