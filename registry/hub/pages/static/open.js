// The page that opens gated content: ciphertext comes from the gateway of IPFS that its reader named, the key from the
// key gateways that the reader let it ask. Key and plain text stay in this page.

import { BadContent, Reader, cidFrom, documentOf, fetched } from "./unixfs.js";
import { Viewer, sized } from "./shown.js";
import { buttonOf, inWords, make, open } from "./wallet.js";

const page = document.querySelector("[data-open]");
const { gateway, document: described, asset, did, sealed } = page.dataset;
const named = JSON.parse(page.dataset.keys);
const viewer = new Viewer(page, (error) => (error instanceof TypeError ? `${gateway} cannot be read from this page (${error.message}). Does it allow pages of others?` : inWords(error)));

const reader = new Reader(async (name) => {
  viewer.goesOn();
  return fetched(`${gateway}/ipfs/${name}?format=raw`, `Block ${name}`);
});

/** What is vendored comes only to who opens something; the browser holds it against the digest that the page names. */
async function vendored() {
  const src = new URL("./sealed.js", import.meta.url).href;
  await new Promise((done, failed) => {
    const script = Object.assign(document.createElement("script"), { type: "module", src, integrity: sealed });
    script.addEventListener("load", done);
    script.addEventListener("error", () => failed(new BadContent("The hub serves other means of opening than its page names.")));
    document.head.append(script);
  });
  const [gated] = await Promise.all([import("./gated.js"), import("./open_act.js")]);
  return gated;
}

async function opened() {
  viewer.say("Reading the document…");
  const { KeyRequest, filesOf } = await vendored();
  const text = await documentOf(described), { content } = JSON.parse(text);
  const gateways = content.encryption.gateways.filter(({ url }) => named.includes(url));
  const asking = await KeyRequest.make(did, content.encryption, gateways);
  const digest = "0x" + Array.from(cidFrom(described).subarray(4), (byte) => byte.toString(16).padStart(2, "0")).join("");
  let key;
  viewer.say("Your wallet signs in at the key gateways.");
  await open({ ...document.documentElement.dataset, act: "open", label: "Open it", asset, digest, document: text, asking, opened: (found) => { key = found; } });
  if (!key) throw new BadContent("Nothing was opened.");
  list(await filesOf(content, key.identity, reader));
  key.served();
  const failed = [...key.causes].map(([url, cause]) => `${new URL(url).host}: ${cause}`).join("; ");
  viewer.say(`The key is here${failed ? `, although some gateways failed: ${failed}` : ""}. Choose a file.`, failed ? "calm" : "good");
}

const proof = ["Every block is what its name says, and every chunk what its publisher sealed", `Document ${described}`];

function list(files) {
  const rows = files.map((file) => {
    const act = (text, work) => buttonOf({ class: "plain-button", text, "aria-label": `${text} ${file.path}` }, () => viewer.carriedOut(work));
    return make("tr", {}, make("td", { class: "name" }, make("bdi", { text: file.path })), make("td", { class: "number", text: sized(file.size) }),
      make("td", { class: "acts" }, act("Show", () => viewer.show(file, proof)), act("Save", () => viewer.save(file, proof))));
  });
  const head = ["File", "Size", "Act"].map((text, n) => make("th", { scope: "col", class: ["name", "number", "acts"][n] }, n < 2 ? text : make("span", { class: "unseen", text })));
  viewer.at("files").replaceChildren(make("table", { class: "files" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
  viewer.at("open").hidden = true;
}

viewer.at("open").addEventListener("click", () => viewer.carriedOut(opened));
page.hidden = false;
