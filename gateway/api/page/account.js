// Who is signed in: a token or a pairing code, entered once, kept by this tab until it is closed or signed out.

const KEY = "muvr-account"; // {token, refresh}: what was entered, or what a code was exchanged for
const EARLY_MS = 60_000; // before its end a token is exchanged for the next

let refreshing = null;

/** The token that this tab has, or null; `freshToken` gives one that is good. */
export function token() {
  return kept()?.token ?? null;
}

/** The token, exchanged for the next one if it ends soon and came from a code. Throws if there is no connection. */
export async function freshToken() {
  const account = kept();
  if (!account?.refresh || expiresMs() - Date.now() > EARLY_MS) return account?.token ?? null;
  refreshing ??= exchange("v1/tokens/refresh", { refresh_token: account.refresh }).finally(() => (refreshing = null));
  await refreshing;
  return token();
}

/** Takes a token, or a pairing code, for which `device` gets tokens; throws an Error that says what was wrong. */
export async function signIn(text, device) {
  const entered = text.trim();
  if (entered.includes(".")) sessionStorage.setItem(KEY, JSON.stringify({ token: entered, refresh: null }));
  else await exchange("v1/pairings/exchange", { code: entered, device });
}

/** What to call the provider that people may sign in with here, or null. */
export async function providerName() {
  const answer = await fetch("v1/oidc").catch(() => null);
  return answer?.ok ? (await answer.json()).provider : null;
}

/** Leaves for the provider; throws an Error that says why that is not possible. */
export async function leaveToSignIn() {
  location.assign((await post("v1/oidc/begin", {})).authorization_url);
}

/** Ends the sign-in, if the provider has just sent this page back; throws an Error that says what was wrong. */
export async function comeBack() {
  const told = new URLSearchParams(location.search);
  if (!told.has("code") && !told.has("error")) return;
  history.replaceState(null, "", location.pathname + location.hash); // a code has no place in an address that is kept
  const [code, state, iss] = ["code", "state", "iss"].map((name) => told.get(name));
  if (code) return keep(await post("v1/oidc/exchange", iss ? { code, state, iss } : { code, state }));
  throw new Error(`The provider did not let you in (${told.get("error")?.match(/^[a-z_]{1,40}$/)?.[0] ?? "without a reason"}).`);
}

/** Forgets the token, and tells the server, if it can be told, that it is good no more. */
export async function signOut() {
  const headers = { Authorization: `Bearer ${token()}` };
  sessionStorage.removeItem(KEY);
  await fetch("v1/tokens/current", { method: "DELETE", headers }).catch(() => null);
}

/** What the token says: `{user, scope}`, or null where there is none. Only the server can tell whether it is true. */
export function claims() {
  const payload = payloadOf(token());
  return payload && { user: payload.sub, scope: payload.scope };
}

async function exchange(path, body) {
  try {
    keep(await post(path, body));
  } catch (problem) {
    if (problem.status !== 401 || !path.endsWith("refresh")) throw problem;
    sessionStorage.removeItem(KEY); // the login has ended
  }
}

async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) return found;
  const words = [found.detail ?? `the server answered ${answer.status}`, found.remedy].filter(Boolean).join(". ");
  throw Object.assign(new Error(words), { status: answer.status });
}

function keep(tokens) {
  sessionStorage.setItem(KEY, JSON.stringify({ token: tokens.access_token, refresh: tokens.refresh_token }));
}

function kept() {
  return JSON.parse(sessionStorage.getItem(KEY));
}

function expiresMs() {
  return 1000 * (payloadOf(token())?.exp ?? Infinity);
}

/** A JWT's middle part, unverified. */
function payloadOf(jwt) {
  try {
    const text = atob(jwt.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(text, (each) => each.charCodeAt(0))));
  } catch {
    return null;
  }
}
