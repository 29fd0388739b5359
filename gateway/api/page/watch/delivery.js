// What is recorded and not acknowledged, and what of it to send now. No I/O: docs/protocol.md as rules.
//
// An entry is {key, session, stream, nr, bytes, last}: keys grow in the order of recording; `last` marks a session's
// `close`, which goes out when all else of the session is acknowledged.

export class Delivery {
  #entries = new Map(); // key: entry, in order of recording
  #streams = new Map(); // name: {entries by number, acknowledged, recorded, rewound}
  #counts = new Map(); // session: entries
  #inFlight = new Set(); // keys that were sent on this connection and are unanswered

  get size() {
    return this.#entries.size;
  }

  /** How many entries of a session are left. */
  left(session) {
    return this.#counts.get(session) ?? 0;
  }

  add(entries) {
    for (const entry of entries) {
      const stream = this.#stream(entry.session, entry.stream);
      this.#entries.set(entry.key, entry);
      stream.entries.set(entry.nr, entry);
      stream.first = Math.min(stream.first, entry.nr);
      stream.recorded = Math.max(stream.recorded, entry.nr + 1);
      this.#counts.set(entry.session, this.left(entry.session) + 1);
    }
  }

  /** Entries to send now, so that at most `credit` are unanswered. */
  take(credit) {
    const taken = [];
    for (const entry of this.#entries.values()) {
      if (this.#inFlight.size >= credit) break;
      if (this.#inFlight.has(entry.key) || (entry.last && this.left(entry.session) > 1)) continue;
      this.#inFlight.add(entry.key);
      taken.push(entry);
    }
    return taken;
  }

  /** Everything of the stream below `next` is durable: the keys that need not be kept. */
  acknowledge(session, name, next) {
    const stream = this.#streams.get(streamKey(session, name));
    if (!stream) return [];
    const keys = [];
    for (let nr = stream.first; nr < Math.min(next, stream.recorded); nr += 1) {
      const entry = stream.entries.get(nr);
      if (entry) keys.push(this.#remove(entry));
    }
    if (next > stream.first) {
      stream.first = Math.min(next, stream.recorded);
      stream.rewound = null;
    }
    return keys;
  }

  /** Everything goes out again: on a new connection, or when a write failed. */
  rewind() {
    this.#inFlight.clear();
    for (const stream of this.#streams.values()) stream.rewound = null;
  }

  /** The server wants `expected` next: false if that was acknowledged long ago, so that the session is lost. */
  goBack(session, name, expected) {
    const stream = this.#streams.get(streamKey(session, name));
    if (!stream) return true;
    if (expected < stream.first) return false;
    if (stream.rewound === expected) return true; // said once for each message that was on the way, obeyed once
    stream.rewound = expected;
    for (const entry of stream.entries.values()) this.#inFlight.delete(entry.key);
    return true;
  }

  /** True until the session's `open` is acknowledged. */
  isUnopened(session) {
    return this.#streams.get(streamKey(session, ""))?.first === 0;
  }

  /** Forgets a session that the server will never take whole: the keys of what was left of it. */
  drop(session) {
    const keys = [];
    for (const entry of [...this.#entries.values()]) if (entry.session === session) keys.push(this.#remove(entry));
    return keys;
  }

  #remove(entry) {
    this.#entries.delete(entry.key);
    this.#inFlight.delete(entry.key);
    this.#streams.get(streamKey(entry.session, entry.stream)).entries.delete(entry.nr);
    this.#counts.set(entry.session, this.left(entry.session) - 1);
    return entry.key;
  }

  #stream(session, name) {
    const key = streamKey(session, name);
    if (!this.#streams.has(key)) {
      this.#streams.set(key, { entries: new Map(), first: Infinity, recorded: 0, rewound: null });
    }
    return this.#streams.get(key);
  }
}

function streamKey(session, name) {
  return `${session} ${name}`; // identifiers hold no blanks
}
