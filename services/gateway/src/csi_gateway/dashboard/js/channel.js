// One websocket of the gateway: opened, counted, decoded, closed. It does not reconnect; the link does.

import { openSocket } from "./api.js";
import { Meter } from "./meter.js";

const OPEN_MS = 8000;

export class Channel {
  /** `on` has message(channel, value), dropped(channel, control) and lost(channel, why). */
  constructor(name, path, query, on) {
    this.name = name;
    this.meter = new Meter();
    this.on = on;
    this.socket = openSocket(path, query);
    this.closing = false;
    this.socket.addEventListener("message", (event) => this.receive(event.data));
    this.socket.addEventListener("close", (event) => {
      if (!this.closing) on.lost(this, event.reason || "the connection was closed");
    });
  }

  /** Resolves once the websocket is open. */
  opened() {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.name}: no answer in ${OPEN_MS / 1000} s`)), OPEN_MS);
      const settle = (action) => () => {
        clearTimeout(timer);
        action();
      };
      this.socket.addEventListener("open", settle(resolve), { once: true });
      this.socket.addEventListener(
        "close",
        settle(() => reject(new Error(`${this.name}: the connection was refused`))),
        { once: true },
      );
    });
  }

  receive(data) {
    const value = JSON.parse(data);
    if (value.type === "dropped") {
      this.on.dropped(this, value);
    } else if (value.type === "latest") {
      this.on.message(this, value.message); // from before this page connected; its own time stamp says how old it is
    } else {
      this.meter.count();
      this.on.message(this, value);
    }
  }

  close() {
    this.closing = true;
    this.socket.close();
  }
}
