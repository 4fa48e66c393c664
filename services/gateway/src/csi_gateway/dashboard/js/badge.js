// The provenance badge: replayed and synthetic data must never be taken for live data.

import { make, say } from "./dom.js";
import { PROVENANCE_WORDS } from "./format.js";

export const makeBadge = () => make("span", { className: "badge", hidden: true });

/** A node that fell silent is no longer live, whatever its last message said. */
export function showProvenance(badge, provenance, silent = false) {
  const words = PROVENANCE_WORDS[provenance] ?? provenance;
  badge.hidden = !provenance;
  badge.dataset.provenance = silent ? "none" : provenance;
  say(badge, silent ? `Was ${words.toLowerCase()}` : words);
}

/** One sentence when some or all of what the page shows is not live, else the empty text. */
export function notLiveSentence(nodes) {
  const what = { replay: "a replayed recording", synthetic: "synthetic data" };
  const others = nodes.filter((node) => node.provenance && node.provenance !== "live");
  const kinds = [...new Set(others.map((node) => node.provenance))].sort();
  if (kinds.length === 0) return "";
  const names = (kind) => others.filter((node) => node.provenance === kind).map((node) => node.id);
  const parts = kinds.map((kind) => `node${names(kind).length > 1 ? "s" : ""} ${names(kind).join(", ")}: ${what[kind] ?? kind}`);
  const start = others.length === nodes.length ? "Nothing here is live" : "Not everything here is live";
  return `${start} (${parts.join("; ")}).`;
}
