// The gateway's REST interface and websocket addresses, relative to where the page was served from.

import { token } from "./token.js";

/** The gateway answered, but not with what was asked for. */
export class RefusedError extends Error {
  constructor(status, reason) {
    super(reason);
    this.status = status;
  }
}

const TIMEOUT_MS = 8000;

function address(path, query) {
  const url = new URL(path, new URL(".", location.href));
  url.hash = "";
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  return url;
}

function reasonIn(text) {
  try {
    const { detail, action } = JSON.parse(text);
    return detail === undefined ? text : [detail, action].filter(Boolean).join("; ");
  } catch {
    return text; // not JSON: a proxy's own words
  }
}

/** GETs `path`; resolves to {body, tookMs}. Throws RefusedError on a status, TypeError when nobody answers. */
export async function get(path, query = {}) {
  const headers = token() === null ? {} : { Authorization: `Bearer ${token()}` };
  const asked = performance.now();
  const response = await fetch(address(path, query), {
    headers,
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  if (!response.ok) {
    const reason = reasonIn(await response.text());
    throw new RefusedError(response.status, reason || response.statusText || `HTTP status ${response.status}`);
  }
  return { body: await response.json(), tookMs: performance.now() - asked };
}

/** Opens a websocket; the token travels as a subprotocol because browsers cannot set headers there. */
export function openSocket(path, query = {}) {
  const url = address(path, query);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const protocols = token() === null ? ["csiflow"] : ["csiflow", `bearer.${token()}`];
  return new WebSocket(url, protocols);
}
