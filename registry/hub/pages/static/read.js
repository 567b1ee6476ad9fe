// The page that reads a file from the gateway that its reader named: the document is hashed, then every block on the
// way from the content to the file, then each block of it. What is shown is text, or a picture of a known kind.

import { BadContent, Reader, cidFrom, fetched, textOf } from "./unixfs.js";

const SHOWN = 256 * 1024, PICTURE = 20 * 1024 * 1024, HELD = 512 * 1024 * 1024;
const KINDS = [["image/png", [0x89, 0x50, 0x4e, 0x47]], ["image/jpeg", [0xff, 0xd8, 0xff]], ["image/gif", [0x47, 0x49, 0x46, 0x38]], ["image/webp", [0x52, 0x49, 0x46, 0x46]]];

const page = document.querySelector("[data-read]");
const at = (name) => page.querySelector(`[data-part=${name}]`);
const { gateway, document: described, content, path, cid, size } = page.dataset;
const whole = Number(size);
let stopped = false;

function say(text, tone = "") {
  at("said").textContent = text;
  at("said").className = tone ? `notice ${tone} section` : "small soft section";
}

const sized = (bytes) => (bytes < 1e4 ? `${bytes.toLocaleString("en")} bytes` : `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 2 })} MB`);

const reader = new Reader(async (name) => {
  if (stopped) throw new BadContent("You stopped it.");
  return fetched(`${gateway}/ipfs/${name}?format=raw`, `Block ${name}`);
});

/** The file as the document says it: the hub gives its bytes, and they are hashed, so it cannot name other content. */
async function fileOf() {
  const digest = cidFrom(described).subarray(4);
  const bytes = await fetched(`/v1/documents/${described}`, "The document", { most: 1 << 20 });
  const found = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  if (found.some((byte, n) => byte !== digest[n])) throw new BadContent("The hub gives another document than it names.");
  const told = JSON.parse(new TextDecoder().decode(bytes)).content;
  const root = cidFrom(told.cid);
  const listed = told.files?.find((one) => one.path === path);
  if (told.cid !== content || !listed || listed.cid !== cid) throw new BadContent("The page names other content than the document.");
  const alone = told.files.length === 1 && told.cid === listed.cid;
  const leads = alone ? root : await reader.resolve(root, path);
  if (textOf(leads) !== listed.cid) throw new BadContent("The document names another file than its content has there.");
  return leads;
}

async function* checked(end = Infinity) {
  let done = 0;
  for await (const part of reader.bytes(await fileOf(), 0, end)) {
    done += part.length;
    at("progress").value = done;
    say(`${sized(done)} of ${sized(whole)} checked`);
    yield part;
  }
}

async function gathered(end) {
  const parts = [];
  for await (const part of checked(end)) parts.push(part);
  return new Blob(parts);
}

/** The kind of a picture by its first bytes, whatever its name says. */
function pictureKind(bytes) {
  const [kind] = KINDS.find(([, first]) => first.every((byte, n) => bytes[n] === byte)) ?? [];
  return kind === "image/webp" && String.fromCharCode(...bytes.subarray(8, 12)) !== "WEBP" ? undefined : kind;
}

async function show() {
  const start = new Uint8Array(await (await gathered(Math.min(SHOWN, whole))).arrayBuffer());
  const kind = pictureKind(start);
  const made = document.createElement(kind ? "img" : "pre");
  if (kind) {
    if (whole > PICTURE) throw new BadContent(`It is a picture of ${sized(whole)}; save it instead.`);
    made.src = URL.createObjectURL(new Blob([await gathered()], { type: kind }));
    made.alt = path;
  } else {
    const text = new TextDecoder("utf-8", { fatal: whole <= SHOWN });
    try {
      made.textContent = text.decode(start);
    } catch {
      throw new BadContent("It is neither text nor a picture; save it instead.");
    }
    if (made.textContent.includes("\0")) throw new BadContent("It is neither text nor a picture; save it instead.");
    made.className = "code wrapped";
    made.tabIndex = 0;
  }
  at("shown").replaceChildren(made);
  say(`Every block is what its name says${whole > SHOWN && !kind ? `; the first ${sized(SHOWN)} are shown` : ""}. Document ${described}`, "good");
}

async function save() {
  const name = path.split("/").at(-1);
  if (globalThis.showSaveFilePicker) {
    const file = await (await showSaveFilePicker({ suggestedName: name })).createWritable();
    try {
      for await (const part of checked()) await file.write(part);
    } catch (error) {
      await file.abort(); // nothing unfinished lies under the name
      throw error;
    }
    await file.close();
  } else {
    if (whole > HELD) throw new BadContent(`This browser holds ${sized(HELD)} at most. Use the command: registry download`);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await gathered()], { type: "application/octet-stream" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  }
  say("It is saved, and every block of it is what its name says.", "good");
}

async function carriedOut(work) {
  const buttons = [at("show"), at("save")];
  stopped = false;
  buttons.forEach((one) => { one.disabled = true; });
  at("stop").hidden = at("progress").hidden = false;
  at("shown").replaceChildren();
  try {
    await work();
  } catch (error) {
    if (error.name !== "AbortError") {
      say(error instanceof BadContent ? error.message : `${gateway} cannot be read from this page (${error.message}). Does it allow pages of others?`, "bad");
    }
  }
  buttons.forEach((one) => { one.disabled = false; });
  at("stop").hidden = at("progress").hidden = true;
}

at("show").addEventListener("click", () => carriedOut(show));
at("save").addEventListener("click", () => carriedOut(save));
at("stop").addEventListener("click", () => { stopped = true; });
page.hidden = false;
