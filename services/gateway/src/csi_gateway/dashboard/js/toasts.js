// Short notices of motion; several streams of one node share one notice.

import { byId, make, say } from "./dom.js";
import { streamWords, timeOfDay } from "./format.js";

const SHOWN_MS = 8000;
const AT_MOST = 4;

export class Toasts {
  constructor() {
    this.area = byId("toasts");
    this.open = new Map(); // node id -> toast
  }

  show(event) {
    const toast = this.open.get(event.node_id) ?? this.add(event.node_id);
    if (event.stream) toast.streams.add(streamWords(event.stream));
    say(toast.title, `Motion at node ${event.node_id}`);
    const live = event.provenance === "live" ? "" : ` (${event.provenance})`;
    say(toast.detail, `${timeOfDay(event.timestamp_ns)}${live}${toast.streams.size ? ` · ${[...toast.streams].join("; ")}` : ""}`);
    toast.element.dataset.provenance = event.provenance;
    clearTimeout(toast.timer);
    toast.timer = setTimeout(() => this.close(event.node_id), SHOWN_MS);
  }

  add(nodeId) {
    while (this.open.size >= AT_MOST) this.close(this.open.keys().next().value);
    const title = make("strong");
    const detail = make("span");
    const button = make("button", { type: "button", aria: { label: "Close" }, onclick: () => this.close(nodeId) }, "×");
    const element = make("div", { className: "toast", data: { node: nodeId } }, title, detail, button);
    const toast = { element, title, detail, streams: new Set(), timer: 0 };
    this.open.set(nodeId, toast);
    this.area.append(element);
    return toast;
  }

  close(nodeId) {
    const toast = this.open.get(nodeId);
    if (toast === undefined) return;
    clearTimeout(toast.timer);
    toast.element.remove();
    this.open.delete(nodeId);
  }
}
