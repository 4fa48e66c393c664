// What is known of one zone: the newest fused snapshot.

export class Zone {
  constructor(name) {
    this.name = name;
    this.fused = null;
    this.stale = false; // as judged
  }

  take(fused) {
    if (this.fused !== null && fused.timestamp_ns < this.fused.timestamp_ns) return;
    this.fused = fused;
  }

  /** Nobody takes part, or what was said is old: the fusion may have stopped. */
  judge(clock, staleAfterS) {
    this.stale = this.fused.members.length === 0 || clock.age(this.fused.timestamp_ns) > staleAfterS;
  }

  /** Nodes in order of their names: those that take part, and those that do not with `weight` null. */
  nodes() {
    const { members, left = [] } = this.fused;
    const all = [...members, ...left.map((node) => ({ ...node, weight: null, regime: "" }))];
    return all.sort((one, other) => one.node_id.localeCompare(other.node_id, "en", { numeric: true }));
  }
}
