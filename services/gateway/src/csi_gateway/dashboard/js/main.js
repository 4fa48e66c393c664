// Wires the page together: token, connection, model, views.

import { notLiveSentence } from "./badge.js";
import { Clock } from "./clock.js";
import { byId, sayOrHide } from "./dom.js";
import { EventsView } from "./events-view.js";
import { expose } from "./inspection.js";
import { Link } from "./link.js";
import { LinkView } from "./link-view.js";
import { Model } from "./model.js";
import { NodesView } from "./nodes-view.js";
import { Painter } from "./painter.js";
import { RatesView } from "./rates-view.js";
import { Selection } from "./selection.js";
import { StreamView } from "./stream-view.js";
import { Toasts } from "./toasts.js";
import { TokenDialog } from "./token-dialog.js";
import { forgetToken, token } from "./token.js";
import { ZonesView } from "./zones-view.js";

const clock = new Clock();
const model = new Model();
const toasts = new Toasts();
const events = new EventsView();
const rates = new RatesView();
const stream = new StreamView();
const zones = new ZonesView();
const dialog = new TokenDialog(() => link.connect());
const linkView = new LinkView(() => link.connect());

const link = new Link({
  state: showState,
  nodes(body, tookMs) {
    clock.learn(body.now_ns, tookMs);
    model.takeNodes(body);
    stream.introspection.takeEnabled(body.introspection_enabled);
  },
  events: (body) => model.takeHistory(body.events),
  signatures: (body) => stream.introspection.matches.takeSignatures(body),
  wantsSignatures: () => stream.introspection.matches.wantsSignatures(),
  message: (name, message) => model.take(name, message),
  dropped: (name, control) => linkView.showDropped(name, control),
});
const selection = new Selection();
const nodes = new NodesView((key) => {
  selection.choose(key);
  painter.now();
});

model.onEvent = (event) => {
  if (event.event === "MotionStarted") toasts.show(event);
};

function showState(changed) {
  linkView.show(changed);
  if (changed.state === "unauthorised") {
    const hadToken = token() !== null;
    forgetToken();
    dialog.ask(hadToken);
  } else if (changed.state === "connected") {
    dialog.close();
  }
}

/** Nothing fails unseen: an error that no part of the page expects is said on the page. */
const showFailure = (error) => sayOrHide(byId("failure"), `Part of this page has failed: ${error?.message ?? error}. Reload to try again.`);
addEventListener("error", (event) => showFailure(event.error ?? event.message));
addEventListener("unhandledrejection", (event) => showFailure(event.reason));

const scheme = matchMedia("(prefers-color-scheme: dark)");
const painter = new Painter();
const selected = () => (selection.key === null ? null : model.streamByKey(selection.key));

painter.every(4, () => {
  model.judge(clock);
  selection.settle(model);
  const chosen = selected();
  if (chosen !== null) link.watch(chosen.nodeId);
  const connected = link.state === "connected";
  nodes.paint(model.nodes, clock, connected, selection.key);
  zones.paint(model.zones, clock, connected, stream.introspection.matches.signatures);
  stream.paintFigures(chosen, chosen === null ? null : model.node(chosen.nodeId, chosen.provenance), clock, connected);
  events.paint(model.events);
  sayOrHide(byId("not-live"), notLiveSentence([...model.nodes.values()]));
  linkView.tick(link);
});
painter.every(10, () => stream.paintWaterfall(selected(), clock, link.state === "connected"));
painter.every(2, () => stream.paintCharts(selected(), clock, scheme.matches));
painter.every(1, () => rates.paint(link.channels));

expose({ model, link, selection, introspection: stream.introspection });
link.connect();
