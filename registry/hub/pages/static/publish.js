// The page that publishes: a folder becomes blocks here, its document is checked by the hub while it is written, an
// archive goes to the node that the reader named, and nothing else goes anywhere. What is signed, publish_act.js makes.

import { BadContent, Builder, PROFILE, archive, textOf } from "./unixfs.js";
import { inWords, make, open } from "./wallet.js";
import "./publish_act.js";

const LISTED = 1_000; // files that a document lists one by one
const NAMES = 20_000; // that are sent to be checked
const ARRAYS = new Set([".zarray", ".zattrs", ".zgroup", ".zmetadata"]);
const page = document.querySelector("[data-publish]");
const MEDIA = JSON.parse(page.dataset.media), TOKENS = JSON.parse(page.dataset.tokens);
const at = (name) => page.querySelector(`[data-part=${name}]`);
const form = page.querySelector("form");
const state = { content: null, blocks: null, root: null, kept: "", checked: "", faults: 1 };

const told = (place, text, tone = "") => {
  place.textContent = text;
  place.className = tone ? `notice ${tone}` : "small soft";
};
const sized = (bytes) => (bytes < 1e4 ? `${bytes.toLocaleString("en")} bytes` : `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 2 })} MB`);

// --- What was dropped, as a tree

/** A tree of a folder that was dropped: it tells of empty folders, too. */
async function ofEntry(entry, left, path = "") {
  if (entry.isFile) return new Promise((done, failed) => entry.file(done, failed));
  const reader = entry.createReader(), tree = new Map();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return tree;
    for (const one of some) {
      const below = path + one.name;
      if (one.name.startsWith(".")) left.push(below + (one.isDirectory ? "/" : ""));
      else tree.set(one.name, await ofEntry(one, left, below + "/"));
    }
  }
}

/** A tree of the files of a folder that was chosen. */
function ofFiles(files, left) {
  const tree = new Map();
  for (const file of files) {
    const names = file.webkitRelativePath.split("/").slice(1);
    const dot = names.findIndex((name) => name.startsWith("."));
    if (dot >= 0) {
      left.add(names.slice(0, dot + 1).join("/") + (dot + 1 < names.length ? "/" : ""));
      continue;
    }
    let folder = tree;
    for (const name of names.slice(0, -1)) {
      if (!folder.has(name)) folder.set(name, new Map());
      folder = folder.get(name);
    }
    folder.set(names.at(-1), file);
  }
  return tree;
}

const bytesOf = (tree) => (tree instanceof Blob ? tree.size : [...tree.values()].reduce((sum, one) => sum + bytesOf(one), 0));
const filesOf = (tree) => (tree instanceof Blob ? 1 : [...tree.values()].reduce((sum, one) => sum + filesOf(one), 0));

let hashing = 0;

async function taken(name, tree, left) {
  const turn = ++hashing;
  const lost = left.filter((path) => ARRAYS.has(path.split("/").at(-1)));
  if (lost.length) throw new BadContent(`${lost[0]} describes an array, and names with a dot are left out here. Publish it with the command.`);
  const files = filesOf(tree), whole = bytesOf(tree), shown = at("progress");
  if (!files) throw new BadContent("There is no file in it.");
  if (files > NAMES) throw new BadContent(`It has more than ${NAMES.toLocaleString("en")} files. Publish it with the command.`);
  Object.assign(state, { content: null, blocks: null, root: null, kept: "" });
  shown.hidden = false;
  shown.max = whole || 1;
  const builder = new Builder(PROFILE, (done) => { shown.value = done; });
  const root = await builder.build(tree, tree instanceof Blob ? name : "");
  if (turn !== hashing) return; // something else was dropped meanwhile
  shown.hidden = true;
  const listed = builder.files.length <= LISTED ? builder.files : [];
  state.root = root.cid;
  state.blocks = builder.blocks;
  state.names = builder.files.map((one) => one.path);
  state.content = { cid: textOf(root.cid), profile: PROFILE.name, size: root.size };
  if (listed.length) state.content.files = listed.map((one) => ({ ...one, ...mediaOf(one.path) }));
  const omitted = left.length ? ` Left out, as ${left.length === 1 ? "its name begins" : "their names begin"} with a dot: ${left.slice(0, 5).join(", ")}${left.length > 5 ? ", …" : ""}.` : "";
  told(at("content"), `${name}: ${files.toLocaleString("en")} ${files === 1 ? "file" : "files"}, ${sized(whole)}.${omitted}`);
  at("cid").textContent = `ipfs://${state.content.cid}`;
  if (!form.elements.name.value) form.elements.name.value = name.replace(/\.[^.]*$/, "").slice(0, 256);
  check();
}

const mediaOf = (path) => {
  const media = path.includes(".") ? MEDIA[path.split(".").at(-1).toLowerCase()] : undefined;
  return media ? { media_type: media } : {};
};

async function guarded(work) {
  try {
    await work();
  } catch (error) {
    Object.assign(state, { content: null, root: null, kept: "" });
    at("progress").hidden = true;
    told(at("content"), error instanceof BadContent ? error.message : `It cannot be read: ${error.message}`, "bad");
    ready();
  }
}

const drop = at("drop");
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  drop.addEventListener(kind, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", kind === "dragenter" || kind === "dragover");
  });
}
drop.addEventListener("drop", (event) => {
  const [item] = event.dataTransfer.items;
  const entry = item?.webkitGetAsEntry();
  if (entry) guarded(async () => { const left = []; await taken(entry.name, await ofEntry(entry, left), left); });
});
at("folder").addEventListener("change", ({ target }) => guarded(async () => {
  const left = new Set(), [first] = target.files;
  if (first) await taken(first.webkitRelativePath.split("/")[0], ofFiles(target.files, left), [...left]);
}));
at("file").addEventListener("change", ({ target }) => guarded(async () => {
  const [file] = target.files;
  if (file) await taken(file.name, file, []);
}));

// --- The document, and its licences

const value = (name) => form.elements[name].value.trim();

/** JSON as RFC 8785 has it: what JavaScript writes of texts and numbers is what it asks for. */
export const canonical = (one) => Array.isArray(one) ? `[${one.map(canonical).join(",")}]`
  : typeof one === "object" && one ? `{${Object.keys(one).sort().map((key) => `${JSON.stringify(key)}:${canonical(one[key])}`).join(",")}}`
  : JSON.stringify(one);

/** Units of a token for a price as people write it; null for what is none. */
export function unitsOf(text, decimals) {
  const found = /^(\d{1,30})(?:\.(\d+))?$/.exec(text);
  if (!found || (found[2] ?? "").length > decimals) return null;
  return (BigInt(found[1]) * 10n ** BigInt(decimals) + BigInt((found[2] ?? "").padEnd(decimals, "0") || "0")).toString();
}

const SECONDS = { 1: 86_400, 3: 86_400 };

function offersOf() {
  return [...page.querySelectorAll("[data-licence]")].map((row) => {
    const one = (name) => row.querySelector(`[name=${name}]`).value.trim();
    const kind = Number(one("kind")), price = one("price");
    const token = TOKENS[one("token")];
    return {
      name: one("title"), kind, price, symbol: price ? one("token") : "", token: price ? token.address : "",
      amount: kind ? Number(one("amount") || 0) * (SECONDS[kind] ?? 1) : 0,
      units: price ? unitsOf(price, token.decimals) : "0",
    };
  });
}

function documentOf(offers) {
  const made = { version: "1.0.0", type: value("type"), name: value("name"), description: value("description"), license: value("license") };
  const tags = value("tags").split(",").map((tag) => tag.trim()).filter(Boolean);
  if (value("author")) made.author = value("author");
  if (tags.length) made.tags = tags;
  if (state.content) made.content = state.content;
  if (offers.length) made.licences = offers.map(({ name }) => ({ name }));
  return canonical(made);
}

let waiting, asked = 0;

function check() {
  clearTimeout(waiting);
  state.checked = "";
  ready();
  waiting = setTimeout(() => ask().catch((error) => told(at("faults"), `The hub does not check it: ${error.message}`, "bad")), 350);
}

async function ask() {
  const turn = ++asked, offers = offersOf(), text = documentOf(offers);
  const body = JSON.stringify({ document: text, names: state.names ?? [], licences: offers.map(({ name, kind, amount, price, symbol }) => ({ name, kind, amount, price, symbol })) });
  const answer = await fetch("/v1/check", { method: "POST", body, signal: AbortSignal.timeout(20_000) });
  const found = await answer.json();
  if (turn !== asked) return;
  if (!answer.ok) throw new Error(found.error?.message ?? answer.status);
  show(found.faults.filter(({ pointer }) => state.content || pointer !== "/content"), found.licences);
  state.faults = found.faults.length;
  state.checked = found.faults.length ? "" : text;
  state.offers = offers;
  ready();
}

/** Each fault beside its field; those of no field below. Nothing is called missing before somebody wrote something. */
function show(faults, words) {
  const rest = [];
  for (const place of page.querySelectorAll("[data-fault]")) place.textContent = "";
  for (const { pointer, reason } of faults) {
    const [, name, n] = pointer.split("/");
    const place = name === "licences" ? page.querySelectorAll("[data-licence] [data-fault]")[n] : page.querySelector(`[data-fault="${CSS.escape(name ?? "")}"]`);
    const field = form.elements[name];
    if (!place) rest.push(`${pointer || "The document"} ${reason}`);
    else if (!field || field.value || field.dataset.touched) place.textContent = name === "licences" ? `${reason[0].toUpperCase()}${reason.slice(1)}.` : `It ${reason}.`;
  }
  page.querySelectorAll("[data-licence]").forEach((row, n) => { row.querySelector("[data-words]").textContent = words[n] ?? ""; });
  told(at("faults"), rest.slice(0, 8).join(". "), rest.length ? "bad" : "");
}

form.addEventListener("input", check);
form.addEventListener("focusout", ({ target }) => {
  target.dataset.touched = "1";
  check();
});
form.addEventListener("submit", (event) => event.preventDefault());

let licences = 0;

function another() {
  const row = at("licence").content.firstElementChild.cloneNode(true);
  const n = ++licences;
  for (const field of row.querySelectorAll("[id]")) field.id += n;
  for (const label of row.querySelectorAll("[for]")) label.htmlFor += n;
  row.querySelector("[name=kind]").addEventListener("change", () => shape(row));
  row.querySelector("button").addEventListener("click", () => {
    row.remove();
    check();
  });
  at("licences").append(row);
  shape(row);
  return row;
}

const LENGTHS = { 1: "Days", 2: "Uses", 3: "Days per price" };

function shape(row) {
  const kind = row.querySelector("[name=kind]").value, length = row.querySelector("[data-length]");
  length.hidden = !(kind in LENGTHS);
  length.querySelector("label").textContent = LENGTHS[kind] ?? "";
}

at("add").addEventListener("click", () => {
  another().querySelector("input").focus();
  check();
});

// --- The node that the reader named

const node = page.dataset.to;

/** Hand an archive to `registry ipfs serve`, which holds it against its root. */
async function served(token, cid, car) {
  const answer = await fetch(`${node}/upload/${cid}`, {
    method: "PUT", body: car, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(3_600_000),
    headers: { authorization: `Bearer ${token}`, "content-type": "application/vnd.ipld.car" },
  });
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new BadContent(`Your node refuses it: ${found.error ?? answer.status}.`);
  if (found.cid !== cid) throw new BadContent("Your node kept something else.");
}

/** Hand an archive to Kubo's RPC, pinned. */
async function imported(token, cid, car) {
  const body = new FormData();
  body.append("file", car, "content.car");
  const answer = await fetch(`${node}/api/v0/dag/import?pin-roots=true`, {
    method: "POST", body, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(3_600_000),
    headers: token ? { authorization: `Bearer ${token}` } : {},
  });
  const text = await answer.text();
  if (!answer.ok) throw new BadContent(`Your node refuses it: ${answer.status}.`);
  const roots = text.split("\n").filter(Boolean).map((one) => JSON.parse(one).Root).filter(Boolean);
  const [{ Cid, PinErrorMsg } = {}] = roots;
  if (roots.length !== 1 || Cid?.["/"] !== cid || PinErrorMsg) throw new BadContent(`Your node did not pin it: ${PinErrorMsg || "it names another root"}.`);
}

async function sent() {
  const hand = page.dataset.kind === "kubo" ? imported : served;
  const token = at("token").value.trim(), text = state.checked;
  const block = new TextEncoder().encode(text);
  const one = new Builder();
  const name = await one.file(new Blob([block]), "");
  if (state.content) {
    told(at("sent"), `Sending ${sized(state.content.size)} to ${node}…`);
    await hand(token, state.content.cid, archive(state.root, state.blocks.values()));
  }
  await hand(token, textOf(name.cid), archive(name.cid, one.blocks.values()));
  state.kept = text;
  told(at("sent"), `${node} has pinned it. Keep that node running, or let others pin it: what nobody keeps is gone.`, "good");
}

at("send").addEventListener("click", async () => {
  state.busy = true;
  ready();
  try {
    await sent();
  } catch (error) {
    told(at("sent"), error instanceof BadContent ? error.message : `${node} cannot be reached from this page (${error.message}). Is it running, and paired with this page?`, "bad");
  }
  state.busy = false;
  ready();
});

function ready() {
  at("send").disabled = state.busy || !state.checked;
  at("sign").disabled = state.busy || !state.checked || state.kept !== state.checked;
}

// --- Signing, and telling the hub

at("sign").addEventListener("click", async () => {
  const text = state.kept;
  const offers = state.offers.map(({ kind, amount, units, token }) => ({ kind, amount, price: units, token }));
  const royalty = form.elements.derivatives.checked ? String(Math.round(Number(value("royalty") || 0) * 100)) : "";
  const came = await open({ ...document.documentElement.dataset, act: "publish", label: "Publish", document: text, offers: JSON.stringify(offers), royalty });
  if (!came) return;
  const number = /asset (\d+)/.exec(came)?.[1];
  told(at("done"), came, "good");
  if (number) at("done").append(" ", make("a", { href: `/a/${number}`, text: "Its page" }));
  hand(text).catch((error) => at("done").append(` The hub does not have its document yet (${inWords(error)}).`));
});

/** The hub is given the document once its chain names it, so that it need not look for the node. */
async function hand(text) {
  for (let n = 0; n < 20; n++) {
    const answer = await fetch("/v1/documents", { method: "POST", body: text, signal: AbortSignal.timeout(20_000) });
    if (answer.ok) return;
    await new Promise((done) => setTimeout(done, 1_500));
  }
  throw new BadContent("it has not seen the transaction");
}

another();
page.hidden = false;
ready();
