// `window.csiflow`: what the page knows and shows, as copies, for tests and the curious.

export function expose({ model, link, selection, introspection }) {
  const byKey = (pick) => () =>
    structuredClone(
      Object.fromEntries(
        model
          .streams()
          .filter((stream) => pick(stream) !== null)
          .map((stream) => [stream.key, pick(stream)]),
      ),
    );
  const read = {
    link: () => link.state,
    selected: () => selection.key,
    nodes: () =>
      [...model.nodes.values()].map(({ id, source, provenance, stale, lastSeenNs, streams }) => ({
        id, source, provenance, stale, lastSeenNs, streams: [...streams.keys()],
      })),
    sensing: byKey((stream) => stream.sensing),
    introspection: byKey((stream) => stream.snapshot),
    zones: () => structuredClone(Object.fromEntries([...model.zones.values()].map((zone) => [zone.name, zone.fused]))),
    amplitude: byKey((stream) => stream.amplitude),
    events: () => structuredClone(model.events),
    shown: () => structuredClone(introspection.shown),
  };
  const properties = Object.fromEntries(Object.entries(read).map(([name, get]) => [name, { get, enumerable: true }]));
  Object.defineProperty(window, "csiflow", { value: Object.freeze(Object.defineProperties({}, properties)) });
}
