// Who is signed in: a token, entered once, kept by this tab until it is closed or signed out.

const TOKEN_KEY = "muvr-token";

export function token() {
  return sessionStorage.getItem(TOKEN_KEY);
}

export function signIn(text) {
  sessionStorage.setItem(TOKEN_KEY, text.trim());
}

export function signOut() {
  sessionStorage.removeItem(TOKEN_KEY);
}

/** What the token says: `{user, scope}`, or null where there is none. Only the server can tell whether it is true. */
export function claims() {
  try {
    const [, payload] = token().split(".");
    const bytes = Uint8Array.from(atob(payload.replaceAll("-", "+").replaceAll("_", "/")), (each) => each.charCodeAt(0));
    const { sub, scope } = JSON.parse(new TextDecoder().decode(bytes));
    return { user: sub, scope };
  } catch {
    return null;
  }
}
