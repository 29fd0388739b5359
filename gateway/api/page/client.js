// The API of the host that served this page, asked as who is signed in.

import { freshToken } from "./account.js";

const WAIT_MS = 500; // before the live view is asked for again; doubles up to WAIT_MS_MAX
const WAIT_MS_MAX = 10_000;
const SILENCE_MS = 40_000; // the server says something every 15 s

/** An answer that is not a success; `detail` says what was wrong, `remedy` what to do. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `the server answered ${status}`);
    this.status = status;
    this.remedy = body.remedy ?? "";
  }
}

/** What to tell the user of a failure. */
export function inWords(problem) {
  if (!problem.status) return "Not done: no connection. Try again.";
  return [problem.message, problem.remedy].filter(Boolean).join(". ");
}

export function get(path) {
  return send("GET", path);
}

/** What is at `path` as `body`, and the `tag` under which it may be replaced. */
export async function read(path) {
  const answer = await ask("GET", path);
  return { body: await answer.json(), tag: answer.headers.get("ETag") };
}

/** Writes `body`; the key makes that the same request, repeated by a proxy or a thumb, is done once. */
export async function send(method, path, body, conditions = {}) {
  const answer = await ask(method, path, body, conditions);
  return answer.status === 204 ? null : answer.json();
}

/** The answer to a request, if it is a success. */
export async function ask(method, path, body, conditions = {}) {
  const headers = await authorised({ ...conditions });
  if (method !== "GET") headers["Idempotency-Key"] = crypto.randomUUID?.() ?? String(Math.random());
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const answer = await fetch(path, { method, headers, body: JSON.stringify(body), cache: "no-store" });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  return answer;
}

/**
 * Calls `onChanges` with every change of the live view, `onState` with connecting, live, lost or refused; goes on
 * until the function that it returns is called. Not by EventSource, which would put the token into an address.
 */
export function watchLive(onChanges, onState) {
  const aborter = new AbortController();
  follow(onChanges, onState, aborter.signal);
  return () => aborter.abort();
}

async function follow(onChanges, onState, signal) {
  onState("connecting");
  for (let attempts = 0; !signal.aborted; attempts += 1) {
    try {
      await listen("v1/live/events", signal, (name, data) => {
        attempts = 0;
        onState("live");
        if (name === "live") onChanges(JSON.parse(data));
      });
    } catch (problem) {
      if (signal.aborted) return;
      if (problem.status === 401 || problem.status === 403) return onState("refused", problem);
    }
    onState("lost");
    await pause(Math.min(WAIT_MS_MAX, WAIT_MS * 2 ** attempts), signal);
  }
}

/** Reads server-sent events (WHATWG HTML, section 9.2) until the stream ends. */
async function listen(path, signal, onEvent) {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  const answer = await fetch(path, {
    headers: await authorised({ Accept: "text/event-stream" }), cache: "no-store", signal: AbortSignal.any([signal, silence.signal]),
  });
  if (!answer.ok) throw new Problem(answer.status, await answer.json().catch(() => ({})));
  let text = "";
  try {
    for await (const part of chunks(answer.body.pipeThrough(new TextDecoderStream()))) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      const blocks = (text + part).split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/: (.*)/s, 2)));
        if (fields.data) onEvent(fields.event, fields.data);
      }
    }
  } finally {
    clearTimeout(timer);
  }
}

/** A stream's parts; not every browser lets a stream be iterated over. */
async function* chunks(stream) {
  const reader = stream.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
}

/** Waits, but no longer than until the browser says that there is a network again. */
function pause(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(end, ms);
    addEventListener("online", end);
    signal.addEventListener("abort", end);
    function end() {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal.removeEventListener("abort", end);
      done();
    }
  });
}

async function authorised(headers) {
  const token = await freshToken();
  return token ? { ...headers, Authorization: `Bearer ${token}` } : headers;
}
