// Which stream the reader looks at; kept for this tab across reloads.

const KEY = "csiflow.stream";

export class Selection {
  constructor() {
    this.key = sessionStorage.getItem(KEY);
  }

  choose(key) {
    sessionStorage.setItem(KEY, key);
    this.key = key;
  }

  /** Takes the stream heard last when the reader has chosen none, or one that is not there. */
  settle(model) {
    if (this.key !== null && model.streamByKey(this.key) !== null) return;
    const [newest] = model.streams().sort((one, other) => other.lastSeenNs - one.lastSeenNs);
    if (newest !== undefined && newest.lastSeenNs > 0) this.choose(newest.key);
  }
}
