// Messages per second on each websocket, in the masthead.

import { byId, make, say } from "./dom.js";

export class RatesView {
  constructor() {
    this.list = byId("rates");
    this.fields = new Map();
  }

  paint(channels) {
    for (const name of this.fields.keys()) if (!channels.has(name)) this.forget(name);
    for (const [name, channel] of channels) say(this.field(name), `${channel.meter.perSecond().toFixed(1)}/s`);
  }

  field(name) {
    if (!this.fields.has(name)) {
      const rate = make("dd", { data: { channel: name } });
      this.list.append(make("div", {}, make("dt", {}, name), rate));
      this.fields.set(name, rate);
    }
    return this.fields.get(name);
  }

  forget(name) {
    this.fields.get(name).parentElement.remove();
    this.fields.delete(name);
  }
}
