// A visitor's wallet in an app or a notebook: it signs in, signs texts, and carries out acts as the pages of a hub have
// it. What is shown comes from Python, which believes nothing that is sent from here.

import { buttonOf, inWords, line, make, open, same, wallets } from "./wallet.js";

// An app may load this file more than once; its parts use one wallet.
const PAGE = (globalThis[Symbol.for("asset-registry.wallet")] ??= { asked: new Set(), parts: new WeakMap() });

/** A part of an app below `root`. `send` takes what Python is told; the part is shown with `update`. */
export class Part {
  static at(root, send) {
    const found = PAGE.parts.get(root) ?? new Part(root);
    PAGE.parts.set(root, found);
    found.send = send;
    return found;
  }

  constructor(root) {
    this.box = make("div", { class: "registry-part" });
    root.append(this.box);
    this.root = root;
  }

  /** Show what Python says: `told.note`, who is signed in, what is to be signed, and an act. */
  update(told) {
    const known = JSON.stringify(told);
    if (this.known === known && this.box.childNodes.length) return;
    this.known = known;
    this.told = told;
    const { ask, act, account, note, tone } = told;
    const parts = [];
    if (account) parts.push(make("p", { class: "who" }, make("span", { text: "Signed in as " }), make("code", { text: account })));
    if (ask && !ask.known) parts.push(make("pre", { text: ask.text }));
    const buttons = make("div", { class: "foot-line" });
    const button = (text, pressed) => buttons.append(buttonOf({ class: "button", text }, () => this.carry(pressed)));
    if (ask) button("Sign in the wallet", () => this.sign(ask));
    else if (told.switch) button(`Switch to chain ${told.chain}`, () => this.change());
    else if (act) button(act.label, () => this.act(act));
    else if (!account && !told.still) button("Sign in with a wallet", () => this.connect());
    if (account && told.leaves) buttons.append(buttonOf({ class: "plain-button", text: "Sign out" }, () => this.send({ kind: "leave" })));
    this.status = make("p", { role: "status", class: note ? `notice ${tone}` : "small", text: note ?? "" });
    this.box.replaceChildren(...parts, buttons, this.status);
    if (ask && told.hears) this.send({ kind: "seen", id: ask.id });
    if (account) this.watch(account).catch(() => {});
    if (ask?.known && !PAGE.asked.has(ask.id)) this.carry(() => this.sign(ask));
  }

  say(text) {
    this.status.textContent = text;
    this.status.className = "small";
  }

  /** What goes wrong is told to Python, which says it: what is written here alone would be gone with the next run. */
  async carry(work) {
    this.box.querySelectorAll("button").forEach((one) => { one.disabled = true; });
    try {
      await work();
    } catch (error) {
      this.send({ kind: "failed", ...(error?.code === 4001 ? { why: "declined" } : { why: "wallet", words: line(inWords(error), 200) }) });
    }
    this.box.querySelectorAll("button").forEach((one) => { one.disabled = false; });
  }

  /** The wallet: the one that was chosen on this page, the only one, or the one that the visitor now chooses. */
  async wallet() {
    if (PAGE.wallet) return PAGE.wallet;
    this.say("Looking for a wallet…");
    const found = await wallets();
    if (found.length < 2) return (PAGE.wallet = found[0]);
    this.say("Which wallet?");
    return new Promise((done) => {
      const list = make("ul", { class: "wallets" }, ...found.map((one) => make("li", {}, buttonOf({ text: one.name }, () => {
        list.remove();
        done((PAGE.wallet = one));
      }))));
      this.status.after(list);
    });
  }

  async connect() {
    const wallet = await this.wallet();
    if (!wallet) return this.send({ kind: "failed", why: "no wallet" });
    const chain = Number(await wallet.provider.request({ method: "eth_chainId" }));
    if (chain !== this.told.chain) return this.send({ kind: "failed", why: "chain", chain });
    this.say(`Choose an account in ${wallet.name}.`);
    const [account] = await wallet.provider.request({ method: "eth_requestAccounts" });
    this.send({ kind: "account", account: account ?? "", host: location.host });
  }

  async change() {
    const { provider } = await this.wallet();
    await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: "0x" + this.told.chain.toString(16) }] });
    await this.connect();
  }

  async sign(ask) {
    PAGE.asked.add(ask.id); // of itself once; again when the visitor presses the button
    const wallet = await this.wallet();
    if (!wallet) return this.send({ kind: "failed", why: "no wallet" });
    this.say(`Confirm it in ${wallet.name}, or decline there.`);
    const signature = await wallet.provider.request({ method: ask.method, params: ask.params });
    this.send({ kind: "signed", id: ask.id, signature: String(signature) });
  }

  async act(act) {
    this.root.querySelectorAll("dialog").forEach((one) => one.remove());
    if ((await open(act, this.root)) !== undefined) this.send({ kind: "acted" });
  }

  /** Tell Python when the wallet is at another account than the one that signed in. */
  async watch(account) {
    const provider = PAGE.wallet?.provider;
    if (!provider) return;
    const look = (accounts) => {
      if (!this.box.isConnected) return provider.removeListener?.("accountsChanged", look); // it is shown no more
      if (this.told.account && !same(accounts[0] ?? "", this.told.account)) this.send({ kind: "moved", account: accounts[0] ?? "" });
    };
    if (this.watched !== provider) {
      this.watched = provider;
      provider.on?.("accountsChanged", look);
    }
    look(await provider.request({ method: "eth_accounts" }));
  }
}
