// The list of nodes.

import { byId } from "./dom.js";
import { NodeCard } from "./node-card.js";

export class NodesView {
  constructor(choose) {
    this.choose = choose;
    this.list = byId("nodes");
    this.empty = byId("no-nodes");
    this.cards = new Map();
  }

  paint(nodes, clock, connected, selectedKey) {
    this.empty.hidden = nodes.size > 0;
    for (const node of nodes.values()) {
      if (!this.cards.has(node.key)) this.add(node);
      this.cards.get(node.key).paint(clock, connected, selectedKey);
    }
  }

  add(node) {
    this.cards.set(node.key, new NodeCard(node, this.choose));
    const sorted = [...this.cards].sort(([one], [other]) => one.localeCompare(other, "en", { numeric: true }));
    this.list.append(...sorted.map(([, card]) => card.element));
  }
}
