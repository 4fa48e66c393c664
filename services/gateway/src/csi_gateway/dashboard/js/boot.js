// Takes the token out of the address before anything else, then loads the page's modules. A module that cannot be
// fetched (the network changed, the gateway restarted) would leave a dead page without a word: it is tried again
// once, then said.

import { adoptTokenFromAddress } from "./token.js";

const KEY = "csiflow.reloaded";

adoptTokenFromAddress();

import("./main.js").then(
  () => sessionStorage.removeItem(KEY),
  (error) => {
    if (sessionStorage.getItem(KEY) === null) {
      sessionStorage.setItem(KEY, "once");
      location.reload();
      return;
    }
    sessionStorage.removeItem(KEY);
    const failure = document.getElementById("failure");
    failure.textContent = `This page could not be loaded completely (${error.message}). Reload it to try again.`;
    failure.hidden = false;
  },
);
