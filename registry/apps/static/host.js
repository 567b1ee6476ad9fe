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
    this.typed = {};
    root.append(this.box);
    this.root = root;
  }

  /** Show what Python says: `told.note`, who is signed in, what is to be signed, and an act. */
  update(told) {
    const known = JSON.stringify(told);
    if (this.known === known && this.box.childNodes.length) return;
    this.known = known;
    this.told = told;
    const { ask, act, account, note, tone, file, form, hits, chosen } = told;
    const parts = [];
    if (account) parts.push(make("p", { class: "who" }, make("span", { text: "Signed in as " }), make("code", { text: account })));
    if (ask && !ask.known) parts.push(make("pre", { text: ask.text }));
    if (file) parts.push(...this.fields(file));
    if (form) parts.push(...form.map((field) => this.field(field)));
    if (hits) parts.push(this.list(hits));
    if (chosen) parts.push(this.card(chosen));
    const buttons = make("div", { class: "foot-line" });
    const button = (text, pressed) => buttons.append(buttonOf({ class: "button", text }, () => this.carry(pressed)));
    if (ask) button("Sign in the wallet", () => this.sign(ask));
    else if (told.switch) button(`Switch to chain ${told.chain}`, () => this.change());
    else if (act) button(act.label, () => this.act(act));
    else if (told.press) for (const text of [told.press].flat()) button(text, () => this.press(text));
    else if (file?.cid && !file.stored && this.chosen) button("Store it", () => this.hand("store"));
    else if (!account && !told.still) button("Sign in with a wallet", () => this.connect());
    if (account && told.leaves) buttons.append(buttonOf({ class: "plain-button", text: "Sign out" }, () => this.send({ kind: "leave" })));
    this.status = make("p", { role: "status", class: note ? `notice ${tone}` : "small", text: note ?? "" });
    this.box.replaceChildren(...parts, buttons, this.status);
    if (ask && told.hears) this.send({ kind: "seen", id: ask.id });
    if (account) this.watch(account).catch(() => {});
    if (ask?.known && !PAGE.asked.has(ask.id)) this.carry(() => this.sign(ask));
  }

  press(text) {
    this.send({ kind: "press", press: text, typed: this.typed });
  }

  /** A field of a form. What was typed is here alone until a button is pressed, and stays when the part is drawn anew. */
  field({ name, label, options, area, value }) {
    const tag = options ? "select" : area ? "textarea" : "input";
    const made = make(tag, { class: "field", name }, ...(options ?? []).map(([value, text]) => make("option", { value, text })));
    this.typed[name] ??= value ?? "";
    made.value = this.typed[name];
    made.addEventListener("input", () => { this.typed[name] = made.value; });
    if (tag === "input") made.addEventListener("keydown", ({ key }) => { if (key === "Enter") this.press([this.told.press].flat()[0]); });
    return make("label", {}, make("span", { text: `${label} ` }), made);
  }

  list(hits) {
    return make("ul", { class: "hits" }, ...hits.map(({ did, name, words }) => make("li", {},
      buttonOf({ class: "plain-button", text: name }, () => this.carry(() => this.send({ kind: "choose", did }))), make("span", { class: "small", text: words }))));
  }

  card({ name, words, files, acts, start }) {
    return make("div", { class: "card" }, make("b", { text: name }), make("p", { text: words }),
      make("ul", { class: "small" }, ...files.map((text) => make("li", { text }))), ...this.start(start ?? {}),
      make("div", { class: "foot-line" }, ...acts.map((act) => buttonOf({ class: "button", text: act.label }, () => this.carry(() => this.act(act))))));
  }

  /** The start of a file: the rows of a table, or lines. */
  start({ words, names, rows, lines }) {
    const row = (tag, cells) => make("tr", {}, ...cells.map((text) => make(tag, { text })));
    return [
      words && make("p", { class: "small", text: words }),
      rows && make("div", { class: "rows" }, make("table", {}, row("th", names), ...rows.map((cells) => row("td", cells)))),
      lines && make("pre", { text: lines.join("\n") }),
    ];
  }

  /** A field for a file, and what Python says of the one that was chosen. */
  fields({ label, cid, words }) {
    const field = make("input", { type: "file" });
    field.addEventListener("change", () => {
      this.chosen = field.files[0];
      if (this.chosen) this.carry(() => this.hand("look"));
    });
    const shown = cid ? [make("p", { class: "small", text: words }), make("pre", { text: cid })] : [];
    return [make("label", {}, make("span", { text: `${label} ` }), field), ...shown];
  }

  /** Send the bytes of the chosen file, and nothing else of it. */
  async hand(kind) {
    const { size } = this.chosen;
    const { most } = this.told.file;
    if (size > most) return this.say(`The file has ${size.toLocaleString("en")} bytes; up to ${most.toLocaleString("en")} are taken.`);
    this.say("Reading the file…");
    const url = await new Promise((done, failed) => {
      const reader = Object.assign(new FileReader(), { onload: () => done(reader.result), onerror: () => failed(reader.error) });
      reader.readAsDataURL(this.chosen);
    });
    this.send({ kind, data: url.slice(url.indexOf(",") + 1) });
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
