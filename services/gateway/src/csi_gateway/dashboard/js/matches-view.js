// The nearest signatures as bars, each with the mark where it counts as recognised.

import { byId, make, say, sayOrHide } from "./dom.js";
import { signatureName, verdictOf } from "./format.js";

export class MatchesView {
  constructor() {
    this.list = byId("matches");
    this.notApplicable = byId("not-applicable");
    this.signatures = new Map();
    this.missed = new Set(); // ids the service scored and the list does not have
    this.looked = new Set(); // those of them the gateway was asked for already
    this.complaints = [];
    this.rows = [];
  }

  /** Labels and promotion thresholds, as the gateway lists them, the files it could not read, or why it lists none. */
  takeSignatures({ signatures, broken, reason }) {
    this.signatures = new Map(signatures.map((signature) => [signature.id, signature]));
    this.complaints = broken.map(({ file, error }) => `${file} cannot be read: ${error}.`);
    if (reason) this.complaints.push(`${reason}.`);
  }

  /** Whether the library has grown since it was listed; true once for each new id, in case the gateway lacks it too. */
  wantsSignatures() {
    const wanted = [...this.missed].filter((id) => !this.looked.has(id));
    wanted.forEach((id) => this.looked.add(id));
    this.missed.clear();
    return wanted.length > 0;
  }

  paint(snapshot) {
    const matches = snapshot.top_k_similarity;
    while (this.rows.length > matches.length) this.rows.pop().element.remove();
    while (this.rows.length < matches.length) this.add();
    matches.forEach((match, place) => this.paintRow(this.rows[place], match));
    const absent = snapshot.not_applicable ?? [];
    const notes = absent.map(({ signature_id: id, reason }) => `${signatureName(this.signatures, id)} does not apply: ${reason}.`);
    notes.push(...this.complaints);
    if (matches.length === 0 && notes.length === 0) notes.push(snapshot.calibrating ? "No scores while calibrating." : "No signature is scored.");
    sayOrHide(this.notApplicable, notes.join(" "));
  }

  paintRow(row, match) {
    const signature = this.signatures.get(match.signature_id);
    if (signature === undefined) this.missed.add(match.signature_id);
    row.element.dataset.signature = match.signature_id;
    row.element.dataset.above = String(match.above_threshold);
    say(row.name, signatureName(this.signatures, match.signature_id));
    row.name.title = match.signature_id;
    row.score.value = String(match.score);
    say(row.score, match.score.toFixed(3));
    say(row.verdict, verdictOf(match));
    row.bar.style.width = `${100 * Math.min(1, Math.max(0, match.score))}%`;
    const threshold = signature?.threshold;
    row.mark.hidden = threshold === undefined;
    if (threshold !== undefined) {
      row.mark.style.left = `${100 * threshold}%`;
      row.mark.title = `recognised from ${threshold}`;
    }
  }

  add() {
    const name = make("span", { className: "name" });
    const verdict = make("span", { className: "verdict" });
    const score = make("data");
    const bar = make("span", { className: "bar" });
    const mark = make("span", { className: "mark", hidden: true });
    const track = make("span", { className: "track", aria: { hidden: "true" } }, bar, mark);
    const element = make("li", {}, name, verdict, score, track);
    this.rows.push({ element, name, verdict, score, bar, mark });
    this.list.append(element);
  }
}
