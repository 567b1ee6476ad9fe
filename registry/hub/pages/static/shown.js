// Showing and saving files whose bytes were checked on their way: what is shown is text, or a picture of a known kind.
// A file is its path, its size, and `bytes(start, end)`, which gives it in pieces.

import { BadContent } from "./unixfs.js";

const SHOWN = 256 * 1024, PICTURE = 20 * 1024 * 1024, HELD = 512 * 1024 * 1024;
const KINDS = [["image/png", [0x89, 0x50, 0x4e, 0x47]], ["image/jpeg", [0xff, 0xd8, 0xff]], ["image/gif", [0x47, 0x49, 0x46, 0x38]], ["image/webp", [0x52, 0x49, 0x46, 0x46]]];

export const sized = (bytes) => (bytes < 1e4 ? `${bytes.toLocaleString("en")} byte${bytes === 1 ? "" : "s"}` : `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 2 })} MB`);

/** The kind of a picture by its first bytes, whatever its name says. */
function pictureKind(bytes) {
  const [kind] = KINDS.find(([, first]) => first.every((byte, n) => bytes[n] === byte)) ?? [];
  return kind === "image/webp" && String.fromCharCode(...bytes.subarray(8, 12)) !== "WEBP" ? undefined : kind;
}

/** The part of a page in which files are shown; `inWords` says what an error means that is none of content. */
export class Viewer {
  constructor(page, inWords) {
    this.page = page;
    this.inWords = inWords;
    this.stopped = false;
    this.at("stop").addEventListener("click", () => { this.stopped = true; });
  }

  at(name) {
    return this.page.querySelector(`[data-part=${name}]`);
  }

  say(text, tone = "") {
    this.at("said").textContent = text;
    this.at("said").className = tone ? `notice ${tone} section` : "small soft section";
  }

  /** Raises `BadContent` once the reader has stopped it: for whatever fetches a next piece. */
  goesOn() {
    if (this.stopped) throw new BadContent("You stopped it.");
  }

  /** Do what a button says, with the others shut. */
  async carriedOut(work) {
    const buttons = [...this.page.querySelectorAll("button:not([data-part=stop])")].filter((one) => !one.disabled);
    this.stopped = false;
    buttons.forEach((one) => { one.disabled = true; });
    this.at("stop").hidden = false;
    this.at("shown").replaceChildren();
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") this.say(error instanceof BadContent ? error.message : this.inWords(error), "bad");
    }
    buttons.forEach((one) => { one.disabled = false; });
    this.at("stop").hidden = this.at("progress").hidden = true;
  }

  async *checked({ size, bytes }, end = Infinity) {
    const bar = this.at("progress");
    Object.assign(bar, { hidden: false, max: Math.max(size, 1), value: 0 });
    let done = 0;
    for await (const part of bytes(0, end)) {
      this.goesOn();
      done += part.length;
      bar.value = done;
      this.say(`${sized(done)} of ${sized(size)} checked`);
      yield part;
    }
  }

  async gathered(file, end) {
    const parts = [];
    for await (const part of this.checked(file, end)) parts.push(part);
    return new Blob(parts);
  }

  /** Show the beginning of a file, or the picture that it is; `proof` says what was checked. */
  async show(file, proof) {
    const { path, size } = file;
    const start = new Uint8Array(await (await this.gathered(file, Math.min(SHOWN, size))).arrayBuffer());
    const kind = pictureKind(start);
    const made = document.createElement(kind ? "img" : "pre");
    if (kind) {
      if (size > PICTURE) throw new BadContent(`It is a picture of ${sized(size)}; save it instead.`);
      made.src = URL.createObjectURL(new Blob([await this.gathered(file)], { type: kind }));
      made.alt = path;
    } else {
      try {
        made.textContent = new TextDecoder("utf-8", { fatal: size <= SHOWN }).decode(start);
      } catch {
        throw new BadContent("It is neither text nor a picture; save it instead.");
      }
      if (made.textContent.includes("\0")) throw new BadContent("It is neither text nor a picture; save it instead.");
      made.className = "code wrapped";
      made.tabIndex = 0;
    }
    this.at("shown").replaceChildren(made);
    this.at("said").scrollIntoView({ block: "nearest" });
    const [what, rest] = proof;
    this.say(`${what}${size > SHOWN && !kind ? `; the first ${sized(SHOWN)} are shown` : ""}. ${rest}`, "good");
  }

  async save(file, [what]) {
    const name = file.path.split("/").at(-1);
    if (globalThis.showSaveFilePicker) {
      const target = await (await showSaveFilePicker({ suggestedName: name })).createWritable();
      try {
        for await (const part of this.checked(file)) await target.write(part);
      } catch (error) {
        await target.abort(); // nothing unfinished lies under the name
        throw error;
      }
      await target.close();
    } else {
      if (file.size > HELD) throw new BadContent(`This browser holds ${sized(HELD)} at most. Use the command: registry download`);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([await this.gathered(file)], { type: "application/octet-stream" }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    }
    this.say(`It is saved. ${what}.`, "good");
  }
}
