// The phone's accelerometer and gyroscope as frames of about a second, evenly sampled, in the protocol's units.

export const RATE_HZ = 50;
const FRAME_SAMPLES = RATE_HZ;
const STEP_MS = 1000 / RATE_HZ;
const GAP_MS = 250; // no sample for so long is a gap, over which nothing is made up
const FIRST_EVENT_MS = 3_000;
const RATE_WINDOW_MS = 2_000;
const STANDARD_GRAVITY = 9.80665; // m/s² in a g
const RADIANS = Math.PI / 180;
const SCALES = { a: 16 / 32767, g: 35 / 32767 }; // full scale over the largest int16
// iOS, which alone knows this property, reports acceleration with the opposite sign of the standard's.
const SIGN = CSS.supports("-webkit-touch-callout", "none") ? -1 : 1;

/** Asks for the sensors, from within a tap as Safari wants it; throws an Error that says what to do. */
export async function askForMotion() {
  if (!("DeviceMotionEvent" in window)) throw new Error("This browser knows no motion sensors.");
  if (DeviceMotionEvent.requestPermission && (await DeviceMotionEvent.requestPermission()) !== "granted") {
    throw new Error("Motion was not allowed. Allow it in the browser's settings for this page, then tap again.");
  }
}

/** The letters of the sensors that there are, found by their first event; throws if none comes. */
export function findSensors() {
  return new Promise((found, failed) => {
    const timer = setTimeout(() => {
      removeEventListener("devicemotion", look);
      failed(new Error("No motion sensor answers here. A phone has one; most computers have not."));
    }, FIRST_EVENT_MS);
    function look(event) {
      const [a, g] = valuesOf(event);
      if (!a) return;
      clearTimeout(timer);
      removeEventListener("devicemotion", look);
      found(g ? ["a", "g"] : ["a"]);
    }
    addEventListener("devicemotion", look);
  });
}

/** Calls `onFrames` with the frames of each second, one per sensor, from `start` to `stop`. */
export class Motion {
  #resampler;
  #clockMs = null; // the wall clock minus that of the events
  #lastMs = -Infinity;
  #times = [];
  #listener = (event) => this.#take(event);

  constructor(letters, onFrames) {
    this.letters = letters;
    this.#resampler = new Resampler(3 * letters.length, (startMs, rows) => onFrames(framesOf(letters, startMs, rows)));
  }

  start() {
    addEventListener("devicemotion", this.#listener);
  }

  /** Ends with what has been measured of the present second. */
  stop() {
    removeEventListener("devicemotion", this.#listener);
    this.#resampler.flush();
  }

  /** How many samples a second the phone gives, over the last two seconds. */
  get measuredHz() {
    const [first, last] = [this.#times[0], this.#times.at(-1)];
    return last > first ? (1000 * (this.#times.length - 1)) / (last - first) : 0;
  }

  #take(event) {
    const values = valuesOf(event).slice(0, this.letters.length);
    if (values.some((axes) => !axes)) return;
    const now = event.timeStamp;
    // The events' clock may stand while a phone sleeps: after a gap it is set anew.
    if (this.#clockMs === null || now - this.#lastMs > GAP_MS) this.#clockMs = Date.now() - performance.now();
    this.#lastMs = now;
    this.#times.push(now);
    while (this.#times[0] < now - RATE_WINDOW_MS) this.#times.shift();
    this.#resampler.push(now + this.#clockMs, values.flat());
  }
}

/** From samples at any times to rows at RATE_HZ, by straight lines between neighbours, given out by the second. */
export class Resampler {
  #before = null; // {ms, values}: the newest sample
  #startMs = 0;
  #rows = [];

  constructor(width, onRows) {
    this.width = width;
    this.onRows = onRows;
  }

  push(ms, values) {
    const before = this.#before;
    if (before && ms <= before.ms) return; // the same sample, told twice
    this.#before = { ms, values };
    if (!before || ms - before.ms > GAP_MS) {
      this.flush();
      this.#startMs = ms;
      this.#rows.push(values);
      return;
    }
    for (let at = this.#nextMs(); at <= ms; at = this.#nextMs()) {
      const share = (at - before.ms) / (ms - before.ms);
      this.#rows.push(values.map((value, axis) => before.values[axis] + share * (value - before.values[axis])));
      if (this.#rows.length === FRAME_SAMPLES) this.flush();
    }
  }

  flush() {
    if (!this.#rows.length) return;
    const [startMs, rows] = [this.#startMs, this.#rows];
    this.#startMs = this.#nextMs();
    this.#rows = [];
    this.onRows(startMs, rows);
  }

  #nextMs() {
    return this.#startMs + this.#rows.length * STEP_MS;
  }
}

/** Axes [x, y, z] of the accelerometer in g, with gravity, and of the gyroscope in rad/s; null where there is none. */
function valuesOf(event) {
  const { accelerationIncludingGravity: a, rotationRate: g } = event;
  return [
    a?.x == null ? null : [a.x, a.y, a.z].map((value) => (SIGN * value) / STANDARD_GRAVITY),
    // Browsers give the rates about x, y and z as alpha, beta and gamma, in this order.
    g?.alpha == null ? null : [g.alpha, g.beta, g.gamma].map((value) => value * RADIANS),
  ];
}

function framesOf(letters, startMs, rows) {
  return letters.map((letter, sensor) => ({
    stream: letter,
    sensor: letter,
    start_ms: Math.round(startMs),
    rate_hz: RATE_HZ,
    scale: SCALES[letter],
    samples: packed(rows, 3 * sensor, SCALES[letter]),
  }));
}

/** Three axes of each row from `first` on as little-endian int16. */
function packed(rows, first, scale) {
  const view = new DataView(new ArrayBuffer(6 * rows.length));
  rows.forEach((row, index) => {
    for (let axis = 0; axis < 3; axis += 1) {
      const steps = Math.round(row[first + axis] / scale);
      view.setInt16(6 * index + 2 * axis, Math.max(-32767, Math.min(32767, steps)), true);
    }
  });
  return new Uint8Array(view.buffer);
}
