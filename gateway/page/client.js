// The API of the host that served this page, and the token that opens it.

const TOKEN_KEY = "muvr-token";

/** The token of `#token=...`, which is taken out of the address so that it is not shared along with it. */
function takeToken() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  const token = parameters.get("token");
  if (token) {
    sessionStorage.setItem(TOKEN_KEY, token);
    history.replaceState(null, "", location.pathname);
  }
  return sessionStorage.getItem(TOKEN_KEY);
}

const token = takeToken();

/** An answer that is not a success; `detail` says what was wrong, `remedy` what to do. */
export class Problem extends Error {
  constructor(status, body) {
    super(body.detail ?? `the server answered ${status}`);
    this.status = status;
    this.remedy = body.remedy ?? "";
  }
}

export async function get(path) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  const answer = await fetch(path, { headers, cache: "no-store" });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Problem(answer.status, body);
  return body;
}

/** Calls `onChanges` with every change of the live view, `onState` with connecting, live, lost or refused. */
export function watchLive(onChanges, onState) {
  const query = token ? `?token=${encodeURIComponent(token)}` : "";
  const source = new EventSource(`v1/live/events${query}`);
  source.addEventListener("open", () => onState("live"));
  source.addEventListener("live", (event) => onChanges(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // A browser tries again by itself after a break, but not after a refusal.
    const refused = source.readyState === EventSource.CLOSED;
    onState(refused ? "refused" : "lost");
    if (refused) setTimeout(() => watchLive(onChanges, onState), 10_000);
  });
}
