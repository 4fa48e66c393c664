// The bearer token: arrives in the fragment, which browsers never send, and lives in this tab's session storage.

const KEY = "csiflow.token";

/** Moves a token from the address (`#token=…`) to session storage and takes it out of the address bar and history. */
export function adoptTokenFromAddress() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get("token");
  if (token === null) return;
  fragment.delete("token");
  const rest = fragment.toString();
  history.replaceState(history.state, "", location.pathname + location.search + (rest ? `#${rest}` : ""));
  if (token) sessionStorage.setItem(KEY, token);
}

export const token = () => sessionStorage.getItem(KEY);

export const keepToken = (value) => sessionStorage.setItem(KEY, value);

export const forgetToken = () => sessionStorage.removeItem(KEY);
