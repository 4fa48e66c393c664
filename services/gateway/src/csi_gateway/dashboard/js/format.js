// Numbers and field terms in plain words.

const clockTime = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** Nanoseconds since the Unix epoch as the time of day where the reader is. */
export function timeOfDay(ns) {
  return clockTime.format(ns / 1e6);
}

/** A number's text with a proper minus sign. */
export const minus = (text) => text.replace("-", "\u2212");

/** A span of seconds in one unit: `12 s`, `3 min`, `5 h`, `2 d`. */
export function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 120) return `${Math.floor(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  if (s < 172800) return `${Math.floor(s / 3600)} h`;
  return `${Math.floor(s / 86400)} d`;
}

/** A stream label such as `1x64@6` in words; a label of another form is shown as it is. */
export function streamWords(label) {
  const parts = /^(\d+)x(\d+)@(\d+|\?)$/.exec(label);
  if (parts === null) return label;
  const [, antennas, carriers, channel] = parts;
  const radio = antennas === "1" ? `${carriers} sub-carriers` : `${antennas} antennas × ${carriers} sub-carriers`;
  return channel === "?" ? radio : `${radio}, channel ${channel}`;
}

/** RuView's motion levels in words. */
export const MOTION_WORDS = {
  absent: "Nobody there",
  present_still: "Somebody, still",
  present_moving: "Somebody, moving",
  active: "Somebody, moving a lot",
};

/** Motion levels from least to most. */
export const MOTION_ORDER = ["absent", "present_still", "present_moving", "active"];

/** What a regime means, for the reader who does not know the word. */
export const REGIME_MEANING = {
  idle: "the channel is quiet",
  periodic: "something repeats",
  transient: "something is changing",
  chaotic: "irregular movement",
  unknown: "the data cannot say",
};

/** How a provenance is told to the reader. */
export const PROVENANCE_WORDS = { live: "Live", replay: "Replay", synthetic: "Synthetic" };

/** A signature's label by its id, with a word where it was not taken from a live stream: a simulated walk is no walk. */
export function signatureName(signatures, id) {
  const { label = id, provenance = "live" } = signatures.get(id) ?? {};
  return provenance === "live" ? label : `${label} (${PROVENANCE_WORDS[provenance].toLowerCase()})`;
}

/** What a match has come to: its head was seen ("beginning"), the whole of it ("recognised"), or "" for neither. */
export function verdictOf({ above_threshold: promoted, state }) {
  if (!promoted) return "";
  return state === "emerging" ? "beginning" : "recognised";
}

/** An event in words: title and, where there is one, detail. */
export function eventWords(event) {
  switch (event.event) {
    case "PresenceStarted":
      return ["Somebody is there", ""];
    case "PresenceEnded":
      return ["Nobody is there any more", `after ${span((event.timestamp_ns - event.started_ns) / 1e9)}`];
    case "MotionStarted":
      return ["Motion started", ""];
    case "MotionEnded":
      return ["Motion ended", `after ${span((event.timestamp_ns - event.started_ns) / 1e9)}`];
    case "BreathingEstimated":
      return ["Breathing", `${event.breathing_rate_bpm.toFixed(1)} breaths/min`];
    case "NodeStale":
      return ["Node fell silent", `last heard ${timeOfDay(event.last_seen_ns)}`];
    case "NodeBack":
      return ["Node is back", `after ${span((event.timestamp_ns - event.stale_since_ns) / 1e9)}`];
    case "DriftDetected":
      return ["Quiet level has moved", `by ${event.drift.toFixed(1)} quiet standard deviations`];
    case "NodeDegraded":
      return ["Node degraded", event.reason];
    default:
      return [event.event, ""]; // a v1 topic may gain events; an unknown one is named, not hidden
  }
}
