// One user's sessions on this phone: numbers their messages, keeps each on disk before it may be sent.

import { encode } from "./msgpack.js";

export const MESSAGES_MAX = 40_000; // some five hours of two sensors without a network

export class Recorder {
  #states = new Map(); // session: {session, user, startedMs, letters, location, closed, next}, as on disk

  constructor(store, delivery, user, onRecorded) {
    this.store = store;
    this.delivery = delivery;
    this.user = user;
    this.onRecorded = onRecorded;
  }

  /** Takes up what is left of this user's sessions; gives the one that is still open, if there is one. */
  async load() {
    for (const state of await this.store.sessions()) {
      if (state.user !== this.user) continue; // another one signed in here before: theirs is kept for them
      this.#states.set(state.session, state);
      this.delivery.add(await this.store.messages(state.session));
      if (state.closed && !this.delivery.left(state.session)) await this.#forget(state.session);
    }
    return [...this.#states.values()].findLast((state) => !state.closed) ?? null;
  }

  /** Begins a session with streams named as their sensors' `letters`, worn at `location`; gives its state. */
  async begin(letters, location) {
    const startedMs = Date.now();
    const state = { session: `phone-${crypto.randomUUID()}`, user: this.user, startedMs, letters, location, next: {} };
    this.#states.set(state.session, state);
    const streams = letters.map((letter) => [letter, letter, location]);
    await this.command(state.session, { type: "open", at_ms: startedMs, recogniser: "server", streams });
    return state;
  }

  /** Records frames of one moment together; throws once the outbox is full. */
  async frames(session, frames) {
    await this.#record(session, frames.map((frame) => ({ ...frame, type: "frame" })));
  }

  async command(session, message) {
    await this.#record(session, [{ ...message, stream: "" }]);
  }

  /** Ends a session: `close` goes out when all else is acknowledged, today or after the next reload. */
  async close(session) {
    this.#states.get(session).closed = true;
    await this.#record(session, [{ type: "close", at_ms: Date.now(), stream: "" }]);
  }

  async acknowledged(session, keys) {
    await this.store.forget(keys);
    if (this.#states.get(session)?.closed && !this.delivery.left(session)) await this.#forget(session);
  }

  /** The server will never take the rest of a session. */
  async lost(session, keys) {
    await this.store.forget(keys);
    await this.#forget(session);
  }

  async #forget(session) {
    this.#states.delete(session);
    await this.store.forgetSession(session);
  }

  async #record(session, messages) {
    const state = this.#states.get(session);
    if (!state) return;
    if (this.delivery.size >= MESSAGES_MAX) {
      throw new Error("This phone has recorded all that it can keep. Connect it, then go on.");
    }
    // Numbers are given out here and now; transactions end in the order in which they begin.
    const entries = messages.map(({ stream, ...fields }) => {
      const nr = state.next[stream] ?? 0;
      state.next[stream] = nr + 1;
      const named = fields.type === "frame" ? { ...fields, stream } : fields;
      return { session, stream, nr, bytes: encode({ ...named, session, nr }), last: fields.type === "close" };
    });
    const kept = await this.store.record(structuredClone(state), entries);
    this.delivery.add(kept);
    this.onRecorded();
  }
}
