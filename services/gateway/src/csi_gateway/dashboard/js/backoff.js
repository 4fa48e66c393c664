// How long to wait before the next attempt: exponential with full jitter over the upper half, capped.

export class Backoff {
  /** `random` gives numbers in [0, 1). Times are milliseconds. */
  constructor({ first = 500, cap = 15000, random = Math.random } = {}) {
    this.first = first;
    this.cap = cap;
    this.random = random;
    this.attempts = 0;
  }

  /** Milliseconds to wait now; doubles with each call until the cap. Many pages never come back in step. */
  next() {
    const ceiling = Math.min(this.cap, this.first * 2 ** this.attempts);
    this.attempts += 1;
    return ceiling / 2 + (ceiling / 2) * this.random();
  }

  /** A success: the next failure starts from the beginning. */
  reset() {
    this.attempts = 0;
  }
}
