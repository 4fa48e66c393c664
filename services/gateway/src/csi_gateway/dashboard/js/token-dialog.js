// Asks for the token when there is none or the gateway does not take it.

import { byId, say } from "./dom.js";
import { keepToken } from "./token.js";

/** The token in what was pasted, which may be the dashboard's whole address. */
const tokenIn = (pasted) => /#token=([^&\s]+)/.exec(pasted)?.[1] ?? pasted.trim();

export class TokenDialog {
  /** `given` is called once a token has been entered. */
  constructor(given) {
    this.dialog = byId("token-dialog");
    this.field = byId("token-field");
    this.reason = byId("token-reason");
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    byId("token-form").addEventListener("submit", () => {
      keepToken(tokenIn(this.field.value));
      this.field.value = "";
      given();
    });
  }

  /** `hadToken`: one was sent and refused. */
  ask(hadToken) {
    say(this.reason, hadToken ? "The token this page had was refused: it is not this gateway's, which may have been started anew since." : "");
    if (!this.dialog.open) this.dialog.showModal();
  }

  close() {
    if (this.dialog.open) this.dialog.close();
  }
}
