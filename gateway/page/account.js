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
  const headers = { "Content-Type": "application/json" };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) });
  const found = await answer.json().catch(() => ({}));
  if (answer.ok) {
    sessionStorage.setItem(KEY, JSON.stringify({ token: found.access_token, refresh: found.refresh_token }));
  } else if (answer.status === 401 && path.endsWith("refresh")) {
    sessionStorage.removeItem(KEY); // the login has ended
  } else {
    throw new Error([found.detail ?? `the server answered ${answer.status}`, found.remedy].filter(Boolean).join(". "));
  }
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
