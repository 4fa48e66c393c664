// The log of recent events, newest first.

import { byId, make } from "./dom.js";
import { eventWords, streamWords, timeOfDay } from "./format.js";

const SHOWN = 40;

export class EventsView {
  constructor() {
    this.list = byId("events");
    this.empty = byId("no-events");
    this.rows = new WeakMap(); // event -> element
  }

  paint(events) {
    this.empty.hidden = events.length > 0;
    const rows = events.slice(0, SHOWN).map((event) => this.row(event));
    if (rows.length === this.list.children.length && rows.every((row, at) => row === this.list.children[at])) return;
    this.list.replaceChildren(...rows);
  }

  row(event) {
    let element = this.rows.get(event);
    if (element === undefined) {
      const [title, detail] = eventWords(event);
      const where = `node ${event.node_id}${event.stream ? ` · ${streamWords(event.stream)}` : ""}`;
      const time = make("time", { dateTime: new Date(event.timestamp_ns / 1e6).toISOString() }, timeOfDay(event.timestamp_ns));
      const words = make("span", { className: "what" }, title, detail ? make("span", { className: "detail" }, ` ${detail}`) : "");
      const data = { event: event.event, node: event.node_id, provenance: event.provenance };
      const kind = event.provenance === "live" ? "" : ` · ${event.provenance}`;
      element = make("li", { data }, time, words, make("span", { className: "where" }, where + kind));
      this.rows.set(event, element);
    }
    return element;
  }
}
