// The list of zones.

import { byId } from "./dom.js";
import { ZoneCard } from "./zone-card.js";

export class ZonesView {
  constructor() {
    this.section = byId("zones-section");
    this.list = byId("zones");
    this.cards = new Map();
  }

  /** `signatures` gives a signature's label by its id. */
  paint(zones, clock, connected, signatures) {
    this.section.hidden = zones.size === 0;
    for (const zone of zones.values()) {
      if (!this.cards.has(zone.name)) this.add(zone);
      this.cards.get(zone.name).paint(clock, connected, signatures);
    }
  }

  add(zone) {
    this.cards.set(zone.name, new ZoneCard(zone));
    const sorted = [...this.cards].sort(([one], [other]) => one.localeCompare(other, "en", { numeric: true }));
    this.list.append(...sorted.map(([, card]) => card.element));
  }
}
