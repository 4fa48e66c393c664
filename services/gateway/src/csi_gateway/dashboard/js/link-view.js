// Says how the connection is: a word in the masthead, a banner with a countdown when it is lost.

import { byId, make, say, sayOrHide } from "./dom.js";
import { span } from "./format.js";

const WORDS = { connecting: "Connecting", connected: "Connected", waiting: "Disconnected", unauthorised: "Token needed" };

export class LinkView {
  /** `retry` is called when the reader does not want to wait. */
  constructor(retry) {
    this.word = byId("link-state");
    this.banner = byId("banner");
    this.dropped = byId("dropped");
    this.message = make("span");
    this.countdown = make("span", { aria: { live: "off" } });
    const button = make("button", { type: "button", onclick: retry }, "Try now");
    this.banner.append(this.message, " ", this.countdown, " ", button);
    this.lostAt = null;
  }

  /** A change of state; called once for each. */
  show(link) {
    if (link.state === "waiting") this.lostAt ??= Date.now();
    if (link.state === "connected") this.lostAt = null;
    document.body.dataset.link = link.state;
    const word = link.state === "connecting" && this.lostAt !== null ? "waiting" : link.state; // an attempt is no change
    this.word.dataset.state = word;
    say(this.word, WORDS[word]);
    if (link.state === "connected") {
      this.banner.hidden = true;
    } else if (link.state === "waiting") {
      say(this.message, `Disconnected: ${link.reason}. What is shown is the last that was known.`);
      this.banner.hidden = false;
    } else if (link.state === "unauthorised") {
      this.banner.hidden = true;
    }
    this.tick(link);
  }

  /** The passing of time. */
  tick(link) {
    if (this.banner.hidden) return;
    const seconds = Math.max(0, Math.ceil((link.retryAt - Date.now()) / 1000));
    const next = link.state === "waiting" ? `Trying again in ${seconds} s` : "Trying again now";
    say(this.countdown, `${next}; lost ${span((Date.now() - this.lostAt) / 1000)} ago.`);
  }

  /** The gateway dropped messages because this page was slow; said for a while after the last time. */
  showDropped(name, control) {
    sayOrHide(
      this.dropped,
      `This page was too slow for the ${name} messages: the gateway dropped ${control.dropped}, ${control.total} since it connected. Numbers shown are the newest.`,
    );
    clearTimeout(this.hiding);
    this.hiding = setTimeout(() => sayOrHide(this.dropped, ""), 15000);
  }
}
