// The connection to the device gateway: hello, sending within the credit, coming back after a break, redirects.

import { decode, encode } from "./msgpack.js";

const WAIT_MS = 100; // before the first new attempt; doubles up to WAIT_MS_MAX until a welcome
const WAIT_MS_MAX = 5_000;
const WELCOME_MS = 10_000;
const RETRY_MS = 200; // after a refusal that says so
const REDIRECTS_MAX = 5; // without a welcome between them

/**
 * Keeps a connection while started. `addresses` are those that this page may connect to, `token()` gives a good token,
 * `delivery` holds what to send.
 *
 * `on.state` hears "connecting", "online", "offline", "refused" (sign in again) or "moved" (to an address that this page
 * may not use); `on.acknowledged(session, keys)`, `on.lost(session, error)` and `on.message(message)` the rest.
 */
export class Link {
  #socket = null;
  #credit = 0;
  #attempts = 0;
  #redirects = 0;
  #timer = null;
  #welcomeTimer = null;
  #running = false;
  #moved = false; // the server sent the device elsewhere; the close that follows is no failure

  constructor({ addresses, token, device, delivery, on }) {
    this.addresses = addresses;
    this.token = token;
    this.device = device;
    this.delivery = delivery;
    this.on = on;
    this.index = 0;
    addEventListener("online", () => this.#running && this.#credit === 0 && this.#connect());
    addEventListener("offline", () => this.#running && this.#socket?.close());
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    this.#connect();
  }

  stop() {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  /** There may be more to send. */
  send() {
    if (this.#credit === 0) return;
    for (const entry of this.delivery.take(this.#credit)) this.#socket.send(entry.bytes);
  }

  #connect() {
    clearTimeout(this.#timer);
    if (this.#socket && this.#socket.readyState < WebSocket.CLOSING) return;
    this.on.state("connecting");
    this.#moved = false;
    const socket = new WebSocket(this.addresses[this.index]);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#sayHello(socket);
    socket.onmessage = (event) => this.#socket === socket && this.#take(new Uint8Array(event.data));
    socket.onclose = () => this.#socket === socket && this.#closed();
    this.#socket = socket;
    this.#welcomeTimer = setTimeout(() => socket.close(), WELCOME_MS);
  }

  async #sayHello(socket) {
    try {
      socket.send(encode({ type: "hello", version: 1, token: (await this.token()) ?? "", device: this.device }));
    } catch {
      socket.close(); // no token, for now: tried again as after any failure
    }
  }

  #closed() {
    clearTimeout(this.#welcomeTimer);
    this.#credit = 0;
    this.#socket = null;
    this.delivery.rewind();
    if (!this.#running) return;
    if (this.#moved && this.#redirects <= REDIRECTS_MAX) return void this.#connect();
    this.on.state("offline");
    if (this.#attempts > 0) this.index = (this.index + 1) % this.addresses.length;
    const waitMs = Math.min(WAIT_MS_MAX, WAIT_MS * 2 ** this.#attempts) * (0.5 + Math.random() / 2);
    this.#attempts += 1;
    this.#timer = setTimeout(() => this.#connect(), waitMs);
  }

  #take(bytes) {
    const message = decode(bytes);
    if (message.type === "welcome") this.#welcomed(message);
    else if (message.type === "redirect") this.#redirected(message.url);
    else if (message.type === "ack") this.#acknowledged(message);
    else if (message.type === "error") this.#refused(message);
    else this.on.message(message);
  }

  #welcomed(message) {
    clearTimeout(this.#welcomeTimer);
    this.#credit = Math.max(1, message.credit);
    this.#attempts = 0;
    this.#redirects = 0;
    this.on.state("online");
    this.send();
  }

  #redirected(url) {
    this.#credit = 0;
    const index = this.addresses.indexOf(url.replace(/\/$/, ""));
    if (index < 0) {
      this.stop(); // the page's policy names the addresses that it may use: a reload asks for them again
      this.on.state("moved");
      return;
    }
    this.index = index;
    this.#redirects += 1;
    this.#moved = true;
    this.#socket.close();
  }

  #acknowledged(message) {
    const keys = this.delivery.acknowledge(message.session, message.stream, message.next);
    if (keys.length) this.on.acknowledged(message.session, keys);
    this.send();
  }

  #refused(error) {
    if (error.code === "not_authorised") {
      if (this.#credit > 0) return; // the token has ended while connected: the next connection has a fresh one
      this.stop();
      this.on.state("refused");
    } else if (error.session == null) {
      if (error.retry) this.#again();
    } else if (error.expected_nr != null) {
      if (this.delivery.goBack(error.session, error.stream ?? "", error.expected_nr)) this.send();
      else this.#lost(error);
    } else if (error.retry || this.#isEarly(error)) this.#again();
    else this.#lost(error);
  }

  /** The session is not known since the write of its `open` failed: that comes again. */
  #isEarly(error) {
    const isOpen = (error.stream ?? "") === "" && error.nr === 0;
    return error.code === "rejected" && !isOpen && this.delivery.isUnopened(error.session);
  }

  #lost(error) {
    this.on.lost(error.session, this.delivery.drop(error.session), error);
    this.send();
  }

  /** Once for all refusals that come meanwhile. */
  #again() {
    if (this.#retrying) return;
    this.#retrying = true;
    setTimeout(() => {
      this.#retrying = false;
      this.delivery.rewind();
      this.send();
    }, RETRY_MS);
  }

  #retrying = false;
}
