// Gated content in a page, as registry.gated has it in Python: age files read in ranges, the key put together from the
// shares of key gateways. A gateway is a stranger: its answers have a size and a time, its signature is checked, and
// what it gives is believed only as part of the key that the document names.

import {
  Decrypter, WORD_LIST, armor, bech32, chacha20poly1305, combineMnemonics, generateX25519Identity, hkdf,
  identityToRecipient, keccak_256, secp256k1, sha256, validateMnemonic,
} from "./sealed.js";
import { BadContent, bodyOf, cidFrom, joined } from "./unixfs.js";

const CHUNK = 64 * 1024, TAG = 16, SEALED = CHUNK + TAG, NONCE = 16;
const HEADER = 256 * 1024; // bytes of a header that are read at most
const MANIFEST = 64 * 2 ** 20;
const ANSWER = 64 * 1024, ANSWER_MS = 20_000;
const SIGN_IN_SECONDS = 600;
const PATIENCE_MS = 150_000; // for what is not deep enough in the chain yet
const TURN_MS = 40_000; // for a gateway to hand a use in, before another is asked
const UNPAID = ["hand_in", "unfunded"]; // it gives its share once somebody else has handed the use in
const KEPT = 16; // shares of one gateway

export const utf8 = (text) => new TextEncoder().encode(text);
export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
export const bytesOf = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const bad = (text) => { throw new BadContent(text); };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// --- Age files

/** Bytes in groups of `size`; the last may be shorter. */
async function* regrouped(pieces, size) {
  let rest = new Uint8Array();
  for await (const piece of pieces) {
    let held = rest.length ? joined([rest, piece]) : piece, at = 0;
    for (; at + size <= held.length; at += size) yield held.subarray(at, at + size);
    rest = held.slice(at);
  }
  if (rest.length) yield rest;
}

async function gathered(pieces) {
  const parts = [];
  for await (const piece of pieces) parts.push(piece);
  return joined(parts);
}

/** An age file of `length` bytes, of which `fetch(start, end)` gives some in pieces, opened by an identity. */
export class AgeFile {
  /** Reads the header and opens the last chunk, so that a file that was cut off is found out before it is used. */
  static async open(fetch, length, identity, name) {
    const made = Object.assign(new AgeFile(), { fetch, length, name });
    const header = await made.header();
    const decrypter = new Decrypter();
    decrypter.addIdentity(identity);
    const fileKey = await decrypter.decryptHeader(header).catch(() => made.refuse("its header is not one that is sealed to the key of its document"));
    made.start = header.length + NONCE;
    const rest = length - made.start;
    if (rest < 0) made.refuse("it ends before its payload");
    const nonce = await gathered(fetch(header.length, made.start));
    made.key = hkdf(sha256, fileKey, nonce, utf8("payload"), 32);
    made.count = Math.max(Math.ceil(rest / SEALED), 1);
    const last = rest % SEALED;
    if (rest < TAG || (last > 0 && last <= TAG && rest > SEALED)) made.refuse("it ends within a chunk");
    made.size = rest - TAG * made.count;
    for await (const _ of made.chunks(made.count - 1, made.count)); // opens, or raises
    return made;
  }

  async header() {
    const parts = [];
    let size = 0;
    for await (const piece of this.fetch(0, Math.min(this.length, HEADER))) {
      parts.push(piece);
      size += piece.length;
      const text = new TextDecoder("latin1").decode(joined(parts));
      const end = text.indexOf("\n--- "), stop = end < 0 ? -1 : text.indexOf("\n", end + 1);
      if (stop >= 0) return joined(parts).subarray(0, stop + 1);
    }
    return this.refuse("its header has no end");
  }

  /** The plain text from `start` to before `end`; only its chunks are fetched, and each checked. */
  async *read(start, end = Infinity) {
    const until = Math.min(end, this.size);
    if (start >= until) return;
    let at = Math.floor(start / CHUNK) * CHUNK;
    for await (const plain of this.chunks(at / CHUNK, Math.ceil(until / CHUNK))) {
      yield plain.subarray(Math.max(start - at, 0), until - at);
      at += CHUNK;
    }
  }

  async *chunks(first, stop) {
    const pieces = this.fetch(this.start + first * SEALED, Math.min(this.start + stop * SEALED, this.length));
    let number = first;
    for await (const sealed of regrouped(pieces, SEALED)) {
      let plain;
      try {
        plain = chacha20poly1305(this.key, nonceOf(number, this.count)).decrypt(sealed);
      } catch {
        this.refuse(`chunk ${number} was changed, cut off or moved`);
      }
      yield plain;
      number++;
    }
    if (number !== stop) this.refuse("it ends before it should");
  }

  refuse(reason) {
    return bad(`${this.name} cannot be opened: ${reason}.`);
  }
}

/** The nonce of a chunk: its number in 11 bytes, and whether it is the last. */
function nonceOf(number, count) {
  const nonce = new Uint8Array(12);
  new DataView(nonce.buffer).setBigUint64(3, BigInt(number));
  nonce[11] = Number(number === count - 1);
  return nonce;
}

// --- Content

/** The files of gated content, each by its plain path, with its size and `bytes(start, end)`. */
export async function filesOf(content, identity, reader) {
  const opened = new Map();
  const age = (cid, name) => {
    const text = hex(cid);
    if (!opened.has(text)) {
      opened.set(text, reader.block(cid).then(({ size }) => AgeFile.open((start, end) => reader.bytes(cid, start, end), size, identity, name)));
      opened.get(text).catch(() => opened.delete(text));
    }
    return opened.get(text);
  };
  const root = cidFrom(content.cid);
  if (content.encryption.hidden) return hiddenFiles(root, reader, age);
  if (!content.files?.length) bad("Its document does not list its files. Use the command: registry download");
  return content.files.map(({ path, size, cid }) => ({
    path,
    size,
    async *bytes(start, end) {
      const file = await age(cidFrom(cid), path);
      if (file.size !== size) bad(`The document says that ${path} has ${size} bytes, and it has ${file.size}.`);
      yield* file.read(start, end);
    },
  }));
}

/** Files lie one after another in one age file; nothing in the manifest is believed. */
async function hiddenFiles(root, reader, age) {
  const manifest = await age(await reader.resolve(root, "manifest.age"), "manifest.age");
  if (manifest.size > MANIFEST) bad("Its manifest is larger than this page reads.");
  let listed;
  try {
    listed = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(await gathered(manifest.read(0))));
  } catch (error) {
    if (error instanceof BadContent) throw error;
    bad("Its manifest is not JSON.");
  }
  if (listed?.version !== 1 || !Array.isArray(listed.files)) bad("Its manifest is of no version that is known here.");
  const cid = await reader.resolve(root, "content.age"), whole = await age(cid, "content.age");
  const seen = new Set();
  let at = 0;
  const files = listed.files.map((one) => {
    const { path, size } = one ?? {};
    if (!isPath(path) || seen.has(path) || !Number.isSafeInteger(size) || size < 0) bad("Its manifest has a file without a plain name of its own, or without a size.");
    seen.add(path);
    const first = at;
    at += size;
    return { path, size, bytes: (start, end) => whole.read(first + start, first + Math.min(end, size)) };
  });
  for (const path of seen) {
    for (let n = path.indexOf("/"); n > 0; n = path.indexOf("/", n + 1)) if (seen.has(path.slice(0, n))) bad("Its manifest has a file below a file.");
  }
  if (at !== whole.size) bad(`Its manifest has ${at} bytes and its content ${whole.size}.`);
  return files;
}

const isPath = (text) => typeof text === "string" && text.length <= 1024 && !/[\p{C}\p{Zl}\p{Zp}\\]/u.test(text)
  && text.split("/").every((name) => name !== "" && name !== "." && name !== "..");

// --- Shares (SLIP-39)

/** A share as gateways keep them, in its one spelling: its words, member and splitting; null for anything else. */
export function shareOf(text) {
  const words = text.split(" "), places = words.map((word) => WORD_LIST.indexOf(word));
  if (words.length !== 33 || places.includes(-1) || !validateMnemonic(text)) return null;
  const id = places[0] * 1024 + places[1], rest = places[2] * 1024 + places[3];
  // One group of one, and no further rounds of hashing, which would be the gateway's choice and the reader's time.
  if ((id & 15) !== 0 || rest >> 8 !== 0) return null;
  return { text, member: (rest >> 4) & 15, threshold: (rest & 15) + 1, splitting: id };
}

async function identityOf(shares) {
  try {
    const secret = Uint8Array.from(combineMnemonics(shares.map((one) => one.text)));
    const identity = bech32.encode("age-secret-key-", bech32.toWords(secret), 128).toUpperCase();
    return { identity, recipient: await identityToRecipient(identity) };
  } catch {
    return { recipient: "" };
  }
}

function* chosenOf(list, count, from = 0) {
  if (!count) yield [];
  else for (let n = from; n + count <= list.length; n++) for (const rest of chosenOf(list, count - 1, n + 1)) yield [list[n], ...rest];
}

function* productOf([first, ...rest]) {
  if (!first) yield [];
  else for (const one of first) for (const others of productOf(rest)) yield [one, ...others];
}

/** The key of `recipient` from the shares that gateways gave (a Map of lists by their addresses): its identity, and who
 * gave other shares. Only as many as the threshold are tried together, such as are of one splitting, until the clock
 * (of `Date.now()`) is at `until`. */
export async function combined(given, threshold, recipient, until = Infinity) {
  const shares = new Map([...given].map(([name, texts]) => [name, texts.map(shareOf).filter((one) => one?.threshold === threshold)]));
  for (const splitting of new Set([...shares.values()].flat().map((one) => one.splitting))) {
    const fitting = [...shares].map(([name, list]) => [name, list.filter((one) => one.splitting === splitting)]).filter(([, list]) => list.length);
    for (const some of chosenOf(fitting, threshold)) {
      for (const picked of productOf(some.map(([, list]) => list))) {
        if (Date.now() > until) return null;
        if (new Set(picked.map((one) => one.member)).size !== threshold) continue;
        const found = await identityOf(picked);
        if (found.recipient !== recipient) continue;
        const used = new Set(some.map(([name]) => name)), liars = [];
        for (const [name, list] of shares) if (!used.has(name) && !(await fits(list, picked, recipient))) liars.push(name);
        return { identity: found.identity, liars };
      }
    }
  }
  return null;
}

/** Whether one of a gateway's shares is of those that made the key, or makes it in the place of the first. */
async function fits(list, picked, recipient) {
  for (const one of list) {
    if (picked.some(({ text }) => text === one.text)) return true;
    if ((await identityOf([one, ...picked.slice(1)])).recipient === recipient) return true;
  }
  return false;
}

/** What a document says of the share that the gateway at a place of its list (from 0) has of a key. */
export const commitment = (share, recipient, place) => hex(sha256(utf8(`registry.share.v1\n${recipient}\n${place}\n${share}`)));

// --- Key gateways

/** Why a gateway gave no share. */
class NoShare extends Error {
  constructor(reason, code = "", after = 0) {
    super(reason);
    Object.assign(this, { code, after });
  }
}

const oneLine = (text) => String(text ?? "").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " ").trim().slice(0, 300);

async function asked(gateway, path, body) {
  let answer, told;
  try {
    answer = await fetch(`${gateway.url}${path}`, {
      method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", accept: "application/json" },
      credentials: "omit", redirect: "error", signal: AbortSignal.timeout(ANSWER_MS),
    });
    told = JSON.parse(new TextDecoder().decode(await bodyOf(answer, "Its answer", ANSWER)));
  } catch (error) {
    throw new NoShare(answer ? "its answer is malformed" : `it does not answer, or lets no pages of ${location.origin} in`);
  }
  if (answer.ok) return told;
  const { code, message, hint } = told?.error ?? {};
  throw new NoShare([oneLine(message) || `it answered ${answer.status}`, oneLine(hint)].filter(Boolean).join(" "), code, Number(answer.headers.get("retry-after")) || 0);
}

export { keccak_256, sha256, generateX25519Identity, identityToRecipient };

/** Who signed a text (EIP-191), in small letters; "" for nobody. */
export function signerOf(text, signature) {
  try {
    const bytes = bytesOf(signature.slice(2)), body = utf8(text);
    if (bytes.length !== 65 || bytes[64] < 27 || bytes[64] > 28) return "";
    const made = secp256k1.Signature.fromBytes(Uint8Array.of(bytes[64] - 27, ...bytes.subarray(0, 64)), "recovered");
    if (made.hasHighS()) return "";
    const digest = keccak_256(joined([utf8(`\x19Ethereum Signed Message:\n${body.length}`), body]));
    return "0x" + hex(keccak_256(made.recoverPublicKey(digest).toBytes(false).subarray(1)).subarray(12));
  } catch {
    return "";
  }
}

/** An address with the capitals of EIP-55. */
export function checksummed(address) {
  const small = address.slice(2).toLowerCase(), digest = hex(keccak_256(utf8(small)));
  return "0x" + [...small].map((digit, n) => (parseInt(digest[n], 16) > 7 ? digit.toUpperCase() : digit)).join("");
}

const moment = (ms) => new Date(ms).toISOString().slice(0, 19) + "Z";

/** What a sign-in names of the request that it is for. */
const resourceOf = (request) => `urn:registry:release:${hex(sha256(utf8(JSON.stringify(request))))}`;

/** Asks the gateways of a document for the key of its content, with one sign-in for all of them. */
export class KeyRequest {
  /** `gateways` are those of the document that the reader named; the shares are sealed to a key of this request. */
  static async make(did, encryption, gateways) {
    const places = new Map(encryption.gateways.map(({ url }, place) => [url, place]));
    const made = Object.assign(new KeyRequest(), { did, encryption, gateways, places, threshold: encryption.threshold });
    made.plain = await made.wanted(await generateX25519Identity());
    return made;
  }

  /** What is asked with a key of the moment; of an account that has uses alone with a receipt for one. */
  async wanted(identity, receipt = null) {
    const recipient = await identityToRecipient(identity);
    // In the order of RFC 8785, so that its digest is that of Python's.
    return { identity, request: { did: this.did, licence: receipt?.licence ?? null, receipt, recipient, version: this.encryption.keyVersion } };
  }

  /** The message that the account signs (EIP-4361), by the request that it is for: it is for this page, and names each
   * gateway with its nonce. */
  async signIn(account, chain) {
    const causes = new Map();
    const nonces = await Promise.all(this.gateways.map((gateway) => asked(gateway, "/v1/nonce", { account }).then(({ nonce }) => {
      if (!/^[A-Za-z0-9]{8,96}$/.test(nonce)) throw new NoShare("its nonce is malformed");
      return { gateway, nonce };
    }).catch((error) => { causes.set(gateway.url, error.message); })));
    const there = nonces.filter(Boolean);
    if (there.length < this.threshold) bad(this.tooFew(causes));
    const now = Date.now(), own = hex(crypto.getRandomValues(new Uint8Array(12)));
    const text = (request) => [
      `${location.host} wants you to sign in with your Ethereum account:`, checksummed(account), "",
      `Open ${this.did}.`, "",
      `URI: ${location.origin}`, "Version: 1", `Chain ID: ${chain}`, `Nonce: ${own}`,
      `Issued At: ${moment(now)}`, `Expiration Time: ${moment(now + SIGN_IN_SECONDS * 1000)}`,
      "Resources:", ...[this.did, resourceOf(request), ...there.map(({ gateway, nonce }) => `${gateway.url}/v1/releases?nonce=${nonce}`)].map((one) => `- ${one}`),
    ].join("\n");
    return { text, causes, there: there.map(({ gateway }) => gateway) };
  }

  /** The key, from the gateways of a sign-in. Returns its identity, and what went wrong by gateway.
   *
   * As many are asked at once as the key needs, and one more for each that fails. With a receipt they are asked one by
   * one, since the first hands it in; where none pays for that `use` does, and they are asked again. */
  async gather({ text, causes, there }, wanted, signature, { tell = () => {}, use = null } = {}) {
    const body = { ...wanted.request, auth: { message: text(wanted.request), signature } };
    let found = await this.round(there, causes, { ...wanted, body, tell, use });
    if (!found.identity && found.unpaid && !(await use.isSpent())) {
      await use.handIn(tell);
      found = await this.round(there, causes, { ...wanted, body, tell, use });
    }
    if (!found.identity) bad(this.tooFew(causes));
    for (const url of found.liars) causes.set(url, "its share is not of this key");
    return { identity: found.identity, causes };
  }

  async round(there, causes, ask) {
    const waiting = [...there], shares = new Map(), until = Date.now() + PATIENCE_MS;
    let found = null, unpaid = false;
    const next = async () => {
      for (let gateway; !found && (gateway = waiting.shift()); ) {
        try {
          shares.set(gateway.url, await this.share(gateway, until, ask));
          causes.delete(gateway.url);
        } catch (error) {
          if (!(error instanceof NoShare)) throw error;
          causes.set(gateway.url, error.message);
          unpaid ||= UNPAID.includes(error.code);
          continue;
        }
        if (shares.size >= this.threshold) found ??= await combined(shares, this.threshold, this.encryption.recipient, until);
        else if (!ask.use) return;
      }
    };
    await Promise.all(Array.from({ length: ask.use ? 1 : this.threshold }, next));
    if (!found && shares.size >= this.threshold) {
      const committed = this.encryption.gateways[0].commitment;
      for (const url of shares.keys()) causes.set(url, committed ? "its share is the one that the document commits to, and those make no key: its publisher erred" : "its share and the others make no key of it");
    }
    return { ...found, unpaid };
  }

  async share(gateway, until, { request, identity, body, tell, use }) {
    tell(`Asking ${new URL(gateway.url).host} for its share…`);
    const turn = Date.now() + TURN_MS;
    let told;
    for (;;) {
      try {
        told = await asked(gateway, "/v1/releases", body);
        break;
      } catch (error) {
        const after = Math.min(Math.max(error.after ?? 0, 1), 15) * 1000;
        if (!["too_fresh", "pending"].includes(error.code) || Date.now() + after > until) throw error;
        if (use && Date.now() > turn && !(await use.isSpent())) throw error; // whatever it says, nothing comes of it
        tell(`${new URL(gateway.url).host} waits until your ${use ? "use" : "access"} is deep enough in the chain…`);
        await sleep(after); // the same message is good until it expires
      }
    }
    const { block, sealed, version } = told ?? {};
    const answer = JSON.stringify({ answer: { block, sealed, version }, request: resourceOf(request), type: "registry.release.v1" });
    if (signerOf(answer, String(told?.signature)) !== gateway.signer.toLowerCase()) throw new NoShare("its answer is not signed by its account");
    let given;
    try {
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      given = (await decrypter.decrypt(armor.decode(sealed), "text")).split("\n").slice(0, KEPT);
    } catch {
      throw new NoShare("its share is not sealed to the key that asked");
    }
    const place = this.places.get(gateway.url), { recipient } = this.encryption;
    const right = gateway.commitment ? given.filter((one) => commitment(one, recipient, place) === gateway.commitment).slice(0, 1) : given;
    if (!right.length) throw new NoShare("its share is not of this key");
    return right;
  }

  tooFew(causes) {
    const told = [...causes].map(([url, cause]) => `${new URL(url).host}: ${cause.replace(/\.$/, "")}`).join("; ");
    return `Fewer than ${this.threshold} of ${this.gateways.length} key gateways gave a right share. ${told}.`;
  }
}
