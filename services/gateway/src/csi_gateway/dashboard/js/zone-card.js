// One zone on the page: what its nodes say together, how far they agree, and how fresh each of them is.

import { makeBadge, showProvenance } from "./badge.js";
import { make, say, sayOrHide } from "./dom.js";
import { REGIME_MEANING, signatureName, timeOfDay, verdictOf } from "./format.js";
import { freshness } from "./freshness.js";

export class ZoneCard {
  constructor(zone) {
    this.zone = zone;
    this.badge = makeBadge();
    this.regime = make("p", { className: "regime", aria: { live: "polite" } });
    this.agreement = make("p", { className: "agreement" });
    this.motion = make("p", { className: "since" });
    this.match = make("p", { className: "zone-match" });
    this.members = make("ul", { className: "members", aria: { label: `Nodes of ${zone.name}` } });
    this.rows = new Map();
    this.element = make(
      "article",
      { className: "card zone", data: { zone: zone.name }, aria: { label: `Zone ${zone.name}` } },
      make("header", {}, make("h3", {}, zone.name), this.badge),
      this.regime,
      this.agreement,
      this.motion,
      this.match,
      this.members,
    );
  }

  paint(clock, connected, signatures) {
    const { fused, stale } = this.zone;
    this.element.dataset.stale = String(stale);
    this.element.dataset.provenance = fused.provenance;
    showProvenance(this.badge, fused.provenance, stale || !connected);
    const regime = stale ? "" : fused.regime;
    this.regime.dataset.regime = regime;
    this.regime.title = REGIME_MEANING[regime] ?? "";
    say(this.regime, stale ? staleWords(fused) : regime);
    sayOrHide(this.agreement, stale ? "" : agreementWords(fused));
    sayOrHide(this.motion, motionWords(fused, stale));
    sayOrHide(this.match, stale ? "" : matchWords(fused, signatures));
    this.paintMembers(clock, connected);
  }

  paintMembers(clock, connected) {
    const nodes = this.zone.nodes();
    const known = this.rows.size;
    for (const node of nodes) {
      const row = this.row(node.node_id);
      const left = node.weight === null;
      row.element.dataset.left = String(left);
      row.regime.dataset.regime = node.regime;
      say(row.regime, left ? "not in the fusion" : `${node.regime}${node.moving ? ", moving" : ""}`);
      say(row.weight, left ? "" : `${(100 * node.weight).toFixed(0)} %`);
      row.weight.value = left ? "" : String(node.weight);
      const { words, silent } = freshness(node.last_seen_ns ?? 0, clock, connected, left);
      row.age.classList.toggle("silent", silent);
      say(row.age, words || "never heard");
    }
    if (this.rows.size > known) this.members.append(...nodes.map((node) => this.rows.get(node.node_id).element));
    for (const [id, row] of this.rows) {
      if (nodes.some((node) => node.node_id === id)) continue;
      row.element.remove();
      this.rows.delete(id);
    }
  }

  row(id) {
    if (!this.rows.has(id)) {
      const regime = make("span", { className: "regime-word" });
      const weight = make("data", { className: "weight", title: "share of the vote" });
      const age = make("span", { className: "age" });
      const name = make("span", { className: "name" }, `Node ${id}`);
      const element = make("li", { data: { node: id } }, name, regime, weight, age);
      this.rows.set(id, { element, regime, weight, age });
    }
    return this.rows.get(id);
  }
}

function staleWords({ members, regime }) {
  return members.length === 0 ? "No node reports" : `Not known; last: ${regime}`;
}

function agreementWords({ agreement, members }) {
  if (members.length === 1) return "one node reports";
  return `${(100 * agreement).toFixed(0)} % agreement of ${members.length} nodes`;
}

function motionWords({ moving, onset_ns: ns, onset_node: node }, stale) {
  const began = ns ? `began ${timeOfDay(ns)} at node ${node}` : "";
  if (moving && !stale) return began ? `moving; ${began}` : "moving";
  return began ? `last motion ${began}` : "";
}

function matchWords({ best_match: match, best_match_node: node }, signatures) {
  if (!match) return "";
  const name = signatureName(signatures, match.signature_id);
  const verdict = { recognised: "Recognised", beginning: "Begins like", "": "Nearest" }[verdictOf(match)];
  return `${verdict}: ${name}, ${match.score.toFixed(3)}${node ? ` at node ${node}` : ""}`;
}
