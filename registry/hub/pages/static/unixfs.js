// Files and folders as blocks, and blocks as files again: the layout of registry.ipfs.builder (UnixFS, IPIP-499), so
// that the same bytes have the same CID here as in Python. A block is kept as the part of the file that it is (a Blob
// reads nothing until it is asked), so memory does not grow with the content.

export const PROFILE = { name: "unixfs-v1-2025", chunk: 1 << 20, width: 1024, threshold: 256 * 1024, fanout: 256 };
export const MOST_BLOCK = 2 * 1024 * 1024;
export const DEEPEST = 32;

const RAW = 0x55, DAG_PB = 0x70;
const DIRECTORY = 1, FILE = 2, HAMT = 5, MURMUR3 = 0x22;
const KINDS = { 0: "file", 1: "folder", 2: "file", 5: "folder" };
const utf8 = new TextEncoder();

/** What is wrong with content, in words. */
export class BadContent extends Error {}

const bad = (text) => { throw new BadContent(text); };

// --- Names of blocks

const LETTERS = "abcdefghijklmnopqrstuvwxyz234567";

/** A CIDv1 in base32. */
export function textOf(cid) {
  let text = "b", bits = 0, held = 0;
  for (const byte of cid) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += LETTERS[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits ? text + LETTERS[(held << (5 - bits)) & 31] : text;
}

/** The bytes of a CIDv1 of a raw or dag-pb block with SHA-256; others are not read here. */
export function cidFrom(text) {
  const bytes = [];
  let bits = 0, held = 0;
  for (const letter of text.slice(1)) {
    const value = LETTERS.indexOf(letter);
    if (value < 0) bad(`${text.slice(0, 80)} is no CID.`);
    held = (held << 5) | value;
    bits += 5;
    if (bits >= 8) bytes.push((held >> (bits -= 8)) & 255);
    held &= (1 << bits) - 1;
  }
  return known(Uint8Array.from(bytes), text[0] === "b" && text);
}

function known(cid, text) {
  const [version, codec, hash, size] = cid;
  const plain = cid.length === 36 && version === 1 && (codec === RAW || codec === DAG_PB) && hash === 0x12 && size === 32;
  if (!plain || (text !== undefined && textOf(cid) !== text)) bad("A CID is of a kind that this page does not read.");
  return cid;
}

async function sha256(bytes) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

async function nameOf(bytes, codec) {
  return Uint8Array.of(1, codec, 0x12, 0x20, ...(await sha256(bytes)));
}

// --- Bytes of nodes

function varint(number) {
  const bytes = [];
  for (; number >= 128; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
  return [...bytes, number];
}

export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const numbered = (key, bytes) => [Uint8Array.of(key, ...varint(bytes.length)), bytes];

/** The message of a node, fields in their order. */
function message(type, { data, size, sizes = [], hamt } = {}) {
  const parts = [Uint8Array.of(0x08, type)];
  if (data) parts.push(...numbered(0x12, data));
  if (size !== undefined) parts.push(Uint8Array.of(0x18, ...varint(size)));
  for (const one of sizes) parts.push(Uint8Array.of(0x20, ...varint(one)));
  if (hamt) parts.push(Uint8Array.of(0x28, ...varint(MURMUR3), 0x30, ...varint(hamt)));
  return joined(parts);
}

/** A dag-pb block: links before data. */
function node(links, data) {
  const parts = [];
  for (const { cid, name, tsize } of links) {
    const body = joined([...numbered(0x0a, cid), ...numbered(0x12, name), Uint8Array.of(0x18, ...varint(tsize))]);
    parts.push(...numbered(0x12, body));
  }
  return joined([...parts, ...numbered(0x0a, data)]);
}

// --- Places in sharded folders

const M64 = (1n << 64n) - 1n, C1 = 0x87c37b91114253d5n, C2 = 0x4cf5ad432745937fn;
const turn = (n, by) => ((n << by) | (n >> (64n - by))) & M64;
const mix1 = (word) => (turn((word * C1) & M64, 31n) * C2) & M64;
const mix2 = (word) => (turn((word * C2) & M64, 33n) * C1) & M64;

function finish(n) {
  n = ((n ^ (n >> 33n)) * 0xff51afd7ed558ccdn) & M64;
  n = ((n ^ (n >> 33n)) * 0xc4ceb9fe1a85ec53n) & M64;
  return n ^ (n >> 33n);
}

const little = (bytes) => bytes.reduceRight((n, byte) => (n << 8n) | BigInt(byte), 0n);

/** The first 64 bits of MurmurHash3_x64_128 with seed 0. */
export function murmur3(data) {
  let h1 = 0n, h2 = 0n;
  const whole = data.length - (data.length % 16);
  for (let at = 0; at < whole; at += 16) {
    h1 ^= mix1(little(data.subarray(at, at + 8)));
    h1 = ((turn(h1, 27n) + h2) * 5n + 0x52dce729n) & M64;
    h2 ^= mix2(little(data.subarray(at + 8, at + 16)));
    h2 = ((turn(h2, 31n) + h1) * 5n + 0x38495ab5n) & M64;
  }
  h1 ^= mix1(little(data.subarray(whole, whole + 8)));
  h2 ^= mix2(little(data.subarray(whole + 8)));
  h1 ^= BigInt(data.length);
  h2 ^= BigInt(data.length);
  h1 = (h1 + h2) & M64;
  h2 = (h2 + h1) & M64;
  return (finish(h1) + finish(h2)) & M64;
}

const bitsOf = (fanout) => Math.log2(fanout);
const slot = (hash, level, fanout) => Number((hash >> BigInt(64 - bitsOf(fanout) * (level + 1))) & BigInt(fanout - 1));
const prefix = (index, fanout) => index.toString(16).toUpperCase().padStart((fanout - 1).toString(16).length, "0");

function byBytes(a, b) {
  const least = Math.min(a.length, b.length);
  for (let at = 0; at < least; at++) if (a[at] !== b[at]) return a[at] - b[at];
  return a.length - b.length;
}

// --- Building

/** Turns a tree into blocks. After `build`, `blocks` has each once by its name, `files` every file with its path. */
export class Builder {
  constructor(profile = PROFILE, progress = () => {}) {
    this.profile = profile;
    this.progress = progress;
    this.blocks = new Map();
    this.files = [];
    this.done = 0;
  }

  keep(cid, data, size) {
    this.blocks.set(textOf(cid), { cid, data, size });
  }

  async node(links, data) {
    const block = node(links, data);
    const cid = await nameOf(block, DAG_PB);
    this.keep(cid, block, block.length);
    return { cid, tsize: links.reduce((sum, link) => sum + link.tsize, block.length) };
  }

  /** A tree: a Blob, or a Map of trees by their names. */
  async build(tree, path = "", depth = 0) {
    if (tree instanceof Blob) return this.file(tree, path);
    if (depth > DEEPEST) bad(`Folders are nested more than ${DEEPEST} deep.`);
    const links = [];
    let size = 0;
    const named = [...tree].map(([text, below]) => ({ text, below, name: utf8.encode(text) }));
    for (const { text, below, name } of named.sort((a, b) => byBytes(a.name, b.name))) {
      const part = await this.build(below, path ? `${path}/${text}` : text, depth + 1);
      links.push({ cid: part.cid, name, tsize: part.tsize });
      size += part.size;
    }
    return { ...(await this.folder(links)), size };
  }

  /** Leaves gathered in nodes, level upon level, until one is left. */
  async file(blob, path) {
    const pending = [[]];
    for await (const leaf of this.leaves(blob)) {
      pending[0].push(leaf);
      for (let level = 0; pending[level].length === this.profile.width; level++) {
        (pending[level + 1] ??= []).push(await this.gathered(pending[level]));
        pending[level] = [];
      }
    }
    for (let level = 0; level < pending.length - 1; level++) {
      if (pending[level].length) pending[level + 1].push(await this.gathered(pending[level]));
    }
    const top = pending.at(-1);
    const root = top.length === 1 ? top[0] : await this.gathered(top);
    this.files.push({ path, size: root.size, cid: textOf(root.cid) });
    return root;
  }

  async *leaves(blob) {
    const { chunk } = this.profile;
    for (let at = 0; at === 0 || at < blob.size; at += chunk) {
      const part = blob.slice(at, at + chunk);
      const bytes = new Uint8Array(await part.arrayBuffer());
      const cid = await nameOf(bytes, RAW);
      this.keep(cid, part, bytes.length);
      this.done += bytes.length;
      this.progress(this.done);
      yield { cid, tsize: bytes.length, size: bytes.length };
    }
  }

  async gathered(parts) {
    const sizes = parts.map((part) => part.size);
    const size = sizes.reduce((sum, one) => sum + one, 0);
    const links = parts.map(({ cid, tsize }) => ({ cid, name: new Uint8Array(), tsize }));
    return { ...(await this.node(links, message(FILE, { size, sizes }))), size };
  }

  async folder(links) {
    const plain = message(DIRECTORY);
    if (node(links, plain).length <= this.profile.threshold) return this.node(links, plain);
    const hashed = links.map((link) => ({ link, hash: murmur3(link.name) }));
    return this.shard(hashed.sort((a, b) => (a.hash < b.hash ? -1 : a.hash > b.hash ? 1 : 0)), 0);
  }

  async shard(hashed, level) {
    const { fanout } = this.profile;
    if (level === Math.floor(64 / bitsOf(fanout))) bad("The hashes of two names are equal. Rename one of them.");
    const groups = new Map();
    for (const one of hashed) {
      const index = slot(one.hash, level, fanout);
      if (!groups.has(index)) groups.set(index, []);
      groups.get(index).push(one);
    }
    const links = [], field = new Uint8Array(fanout / 8);
    for (const [index, members] of groups) {
      field[field.length - 1 - (index >> 3)] |= 1 << (index & 7);
      const first = utf8.encode(prefix(index, fanout));
      if (members.length === 1) {
        const { cid, name, tsize } = members[0].link;
        links.push({ cid, name: joined([first, name]), tsize });
      } else {
        links.push({ ...(await this.shard(members, level + 1)), name: first });
      }
    }
    const data = field.subarray(field.findIndex(Boolean));
    return this.node(links, message(HAMT, { data, hamt: fanout }));
  }
}

/** An archive of blocks with one root (CARv1), as parts of the files that they are. */
export function archive(root, blocks) {
  const link = joined([Uint8Array.of(0xd8, 0x2a, 0x58, 1 + root.length, 0), root]);
  const text = (one) => Uint8Array.of(0x60 + one.length, ...utf8.encode(one));
  const header = joined([Uint8Array.of(0xa2), text("roots"), Uint8Array.of(0x81), link, text("version"), Uint8Array.of(1)]);
  const parts = [Uint8Array.from(varint(header.length)), header];
  for (const { cid, data, size } of blocks) parts.push(Uint8Array.from([...varint(cid.length + size), ...cid]), data);
  return new Blob(parts, { type: "application/vnd.ipld.car" });
}

// --- Reading: a block is believed once it is hashed

function fieldsOf(bytes) {
  const fields = [];
  let at = 0;
  const number = () => {
    let value = 0, scale = 1;
    for (let n = 0; n < 8; n++) {
      const byte = bytes[at++] ?? bad("A block is cut short.");
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    return bad("A number in a block is too large.");
  };
  while (at < bytes.length) {
    const key = number(), wire = key & 7, value = number();
    if (wire === 0) fields.push([key >> 3, value]);
    else if (wire === 2 && value <= bytes.length - at) fields.push([key >> 3, bytes.subarray(at, (at += value))]);
    else bad("A block is no node.");
  }
  return fields;
}

const read = new TextDecoder("utf-8", { fatal: true });

function linkOf(bytes) {
  const fields = Object.fromEntries(fieldsOf(bytes));
  if (!(fields[1] instanceof Uint8Array)) bad("A link leads nowhere.");
  return { cid: known(fields[1]), name: fields[2] instanceof Uint8Array ? fields[2] : new Uint8Array() };
}

/** What a block says that it is: a file with its parts, a folder, or a shard of one. */
export function understood(cid, bytes) {
  if (cid[1] === RAW) return { kind: "file", data: bytes, size: bytes.length, sizes: [], links: [] };
  const outer = fieldsOf(bytes);
  const links = outer.filter(([number]) => number === 2).map(([, value]) => linkOf(value));
  const [, data] = outer.find(([number]) => number === 1) ?? bad("A block has no data of UnixFS.");
  const inner = fieldsOf(data);
  const one = (number) => inner.find(([found]) => found === number)?.[1];
  const kind = KINDS[one(1)] ?? bad("A node is of a kind that this page does not read.");
  const sizes = inner.filter(([number]) => number === 4).map(([, value]) => value);
  const held = one(2) ?? new Uint8Array();
  if (kind === "folder") {
    const fanout = one(1) === HAMT ? one(6) : 0;
    return { kind, links, digits: fanout ? (fanout - 1).toString(16).length : 0, fanout };
  }
  if (sizes.length !== links.length || sizes.some((size) => !(size > 0))) bad("A file does not say how large its parts are.");
  const size = sizes.reduce((sum, part) => sum + part, held.length);
  if ((one(3) ?? size) !== size) bad("A file does not have the size that it states.");
  return { kind, data: held, size, sizes, links };
}

/** Reads from a `source`: a function from the text of a CID to the bytes that somebody says it has. */
export class Reader {
  constructor(source) {
    this.source = source;
  }

  async block(cid) {
    const text = textOf(cid);
    const bytes = await this.source(text);
    if (bytes.length > MOST_BLOCK) bad(`Block ${text} has more than ${MOST_BLOCK} bytes.`);
    const digest = await sha256(bytes);
    if (byBytes(digest, cid.subarray(4)) !== 0) bad(`What came for block ${text} is something else.`);
    return understood(cid, bytes);
  }

  /** What a path leads to, from a root. */
  async resolve(root, path) {
    let cid = root;
    for (const name of path.split("/").filter(Boolean)) cid = await this.step(cid, utf8.encode(name), name);
    return cid;
  }

  async step(folder, name, text) {
    let cid = folder, found = await this.block(cid);
    if (found.kind !== "folder") bad(`${text} lies in what is no folder.`);
    const hash = murmur3(name);
    for (let level = 0; ; level++) {
      const { fanout, digits } = found;
      const first = fanout ? utf8.encode(prefix(slot(hash, level, fanout), fanout)) : new Uint8Array();
      const whole = joined([first, name]);
      const leads = found.links.find((link) => byBytes(link.name, whole) === 0);
      if (leads) return leads.cid;
      const below = fanout && found.links.find((link) => link.name.length === digits && byBytes(link.name, first) === 0);
      if (!below || level > 8) return bad(`There is no ${text}.`);
      found = await this.block((cid = below.cid));
      if (!found.fanout) bad("A shard leads to what is none.");
    }
  }

  /** The bytes of a file from `start` to before `end`, in pieces; parts that lie elsewhere are not asked for. */
  async *bytes(cid, start = 0, end = Infinity, depth = 0) {
    const found = await this.block(cid);
    yield* this.parts(found, start, end, depth);
  }

  async *parts(found, start, end, depth) {
    if (found.kind !== "file") bad("It is no file.");
    if (depth > DEEPEST) bad("A file is too deep.");
    if (start < found.data.length && end > 0) yield found.data.subarray(Math.max(0, start), Math.min(end, found.data.length));
    let at = found.data.length;
    for (const [n, size] of found.sizes.entries()) {
      if (at < end && at + size > start) {
        const below = await this.block(found.links[n].cid);
        if (below.size !== size) bad("A part of a file does not have the size that is stated.");
        yield* this.parts(below, start - at, end - at, depth + 1);
      }
      at += size;
    }
  }
}

/** The block of a URL's answer, `most` bytes at most, within `seconds`. */
export async function fetched(url, what, { most = MOST_BLOCK, seconds = 60 } = {}) {
  const answer = await fetch(url, {
    headers: { accept: "application/vnd.ipld.raw" }, credentials: "omit", redirect: "error", signal: AbortSignal.timeout(1000 * seconds),
  });
  if (!answer.ok) bad(`${what} is not there: the gateway answers ${answer.status}.`);
  return bodyOf(answer, what, most);
}

/** The body of an answer, `most` bytes at most. */
export async function bodyOf(answer, what, most) {
  const parts = [];
  let size = 0;
  for (const reader = answer.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return joined(parts);
    size += value.length;
    if (size > most) {
      await reader.cancel();
      bad(`${what} is larger than ${most} bytes.`);
    }
    parts.push(value);
  }
}

/** A document as a hub gives it, held against its CID; so the hub cannot name other content. */
export async function documentOf(described) {
  const digest = cidFrom(described).subarray(4);
  const bytes = await fetched(`/v1/documents/${described}`, "The document", { most: 1 << 20 });
  if (byBytes(await sha256(bytes), digest) !== 0) bad("The hub gives another document than it names.");
  return read.decode(bytes);
}
