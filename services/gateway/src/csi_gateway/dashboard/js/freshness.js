// How fresh something is, in words. What cannot be known is not claimed: a page without a connection calls nothing silent.

import { span, timeOfDay } from "./format.js";

/** Seconds without a frame from which the reader is told; below it is ordinary spacing of frames. */
const SILENT_S = 3;

/** {words, silent} for something last heard at `ns` (0: never); `stale` is the gateway's own word for it. */
export function freshness(ns, clock, connected, stale = false) {
  if (ns === 0) return { words: "", silent: false };
  if (!connected) return { words: `last heard ${timeOfDay(ns)}`, silent: false };
  const age = clock.age(ns);
  const silent = stale || age >= SILENT_S;
  return { words: silent ? `silent for ${span(age)}` : "heard just now", silent };
}
