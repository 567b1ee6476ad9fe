// Acts of a registry, signed by the reader's wallet (EIP-6963, EIP-1193).
// The page names an asset and a price. Chain, code, price, spender and document are read through the wallet, each
// transaction is built here; if the chain says otherwise, the wallet is not asked. Its digest is in the package.

// By scripts/_toolchain/wallet_script.py
// <known>
const RELEASE = "0.2.0";
const CODES = {"AssetRegistry":["3f85264259dbde63f6b863f09f14ccf0332d6bf2bd1e8b09b43748265fee050d",23510,[1084,1293,2501,2929,4402,7128,16752,18071,18116,19758]],"Marketplace":["ed5a16264bb92bcb5db6d1c048fd4c185f48e7278ff49e48e3f0819e0c2746e7",3372,[355,1047,1538,1628,1912,2104]],"Streams":["466d77962f1838960e6017285290c6cba189d8f429052c2aa0bc723fb7fbf6ec",10555,[785,2573,3552,4718,5381,8965]],"RegistryGovernor":["08d7d18cc82dc2672c3159dc234c79fc60063cb82592e7ee5040c57bf8a09173",19831,[5697,6584,6628,7222,8438,8555,8824,11131,11266,11344,12778,17732,17786,17865,17903,17969]],"RegistryToken":["cf6d4f9b25616486e6020944beb5ca99db192419b07e7ef63f004d4e40bea354",6427,[1682,1723,3680,3734,3813,3851,3923]],"Curation":["9e263103b2d7d4b7241fd5bc4cd7440cd91933109bf443411c919495ad70782c",10006,[781,1967,2534,3474,5009,5673,6910,7912,9362,9677]]};
const SELECTORS = {"contracts":"6c0f79b6","assetInfo":"a879fcbb","licenceOf":"48848dac","accessOf":"070d9f84","streamsOf":"45462cd8","redeem":"e105d53c","mintItem":"0c1c8615","paymentTokens":"25ef180d","publish":"cd8e367f","registry":"7b103999","quote":"1f56c47a","buyAccess":"22566b22","buyAccessWithPermit":"be8bd1a9","quoteExtension":"535d19a1","subscriptionOf":"dfae9371","subscribe":"e25524f4","subscribeWithPermit":"49b38e13","extend":"e433b1a3","extendWithPermit":"9eb2948f","cancel":"00efa895","token":"fc0c546a","state":"3e4f49e6","hasVoted":"43859632","proposalSnapshot":"2d63f693","castVote":"56781388","castVoteWithReason":"7b3c71d3","delegate":"5c19a95c","delegates":"587cde1e","getPastVotes":"3a46b1a8","balanceOf":"70a08231","allowance":"dd62ed3e","approve":"095ea7b3","nonces":"7ecebe00","symbol":"95d89b41","decimals":"313ce567","eip712Domain":"84b0196e","bondIn":"03259d0a","flag":"48eb159b"};
const ERRORS = {"0x9f082a83":"The account holds the licence already; a second unit would give nothing.","0xad917ae7":"No asset has this id.","0x891fbef7":"More units than the cap leaves.","0x223476f2":"The licence was closed by its seller.","0x14a1fa30":"The asset has no licence of this number.","0xfe285f5c":"More units than one account may take.","0xcb5f9210":"The asset is suspended, retired or delisted: nothing new is issued.","0xdf571024":"The asset's document is not the one that the buyer named.","0xbbfe9ef7":"New sales are paused by the guardian.","0xfb8f41b2":"Indicates a failure with the `spender`’s `allowance`. Used in transfers."};
// </known>

// --- Values

/** A reason for which the wallet is not asked. */
export class Refused extends Error {}

const ZERO = "0x" + "0".repeat(40);
const ITEM = 1n << 62n;
const DAY = 86400n;
const PERMIT_SECONDS = 3600n; // it needs minutes
const READ_MS = 20_000;
const MINED_MS = 180_000;

const refuse = (text) => { throw new Refused(text); };
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const same = (a, b) => String(a).toLowerCase() === String(b).toLowerCase();
const short = (address) => `${address.slice(0, 8)}…${address.slice(-6)}`;
const when = (seconds) => new Date(Number(seconds) * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";

function natural(text, what) {
  if (typeof text === "bigint") return text;
  if (!/^\d{1,78}$/.test(text ?? "")) refuse(`The page gives no ${what}.`);
  return BigInt(text);
}

function addressOf(text, what) {
  if (!/^0x[0-9a-fA-F]{40}$/.test(text ?? "")) refuse(`${what} is no address: it has 0x and 40 hexadecimal digits.`);
  return text.toLowerCase();
}

/** What a stranger wrote, on one line, without what cannot be seen. */
export const line = (text, most = 120) =>
  String(text ?? "").replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " ").trim().slice(0, most);

function decimal(units, decimals) {
  const digits = units.toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  const rest = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return rest ? `${whole}.${rest.padEnd(2, "0")}` : whole;
}

function period(seconds) {
  for (const [size, name] of [[DAY, "day"], [3600n, "hour"], [60n, "minute"]]) {
    if (seconds >= size && seconds % size === 0n) return many(seconds / size, name);
  }
  return many(seconds, "second");
}

const many = (count, noun) => `${decimal(BigInt(count), 0)} ${noun}${BigInt(count) === 1n ? "" : "s"}`;

const fromHex = (text) => Uint8Array.from(text.slice(2).match(/../g) ?? [], (pair) => parseInt(pair, 16));
const utf8 = (text) => new TextEncoder().encode(text);
const fromUtf8 = (bytes) => new TextDecoder().decode(bytes);
const toHex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

async function sha256(bytes) {
  if (!globalThis.crypto?.subtle) refuse("This works only on pages by https, or from this machine.");
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
}

/** The CIDv1 of a raw block, base32. */
export function cidOf(digest) {
  const letters = "abcdefghijklmnopqrstuvwxyz234567";
  let text = "b", bits = 0, held = 0;
  for (const byte of [1, 0x55, 0x12, 0x20, ...digest]) {
    held = (held << 8) | byte;
    for (bits += 8; bits >= 5; bits -= 5) text += letters[(held >> (bits - 5)) & 31];
    held &= (1 << bits) - 1;
  }
  return bits ? text + letters[(held << (5 - bits)) & 31] : text;
}

// --- Calldata: static words, and text and lists behind them

function word(value) {
  if (typeof value === "boolean") value = value ? 1n : 0n;
  const digits = typeof value === "string" ? value.slice(2) : BigInt(value).toString(16);
  return digits.padStart(64, "0");
}

/** Calldata of a function of `known`; an argument is a word, an array of words (a static struct), `{text}`, or `{list}`. */
export function encode(name, ...values) {
  const flat = values.flat();
  const head = [], tail = [];
  for (const value of flat) {
    if (typeof value === "object") {
      const { text = "", list } = value, bytes = utf8(text);
      head.push(word(32 * (flat.length + tail.length)));
      const padded = toHex(bytes).padEnd(64 * Math.ceil(bytes.length / 32), "0");
      tail.push(word((list ?? bytes).length), ...(list ?? padded.match(/.{64}/g) ?? []));
    } else head.push(word(value));
  }
  return "0x" + (SELECTORS[name] ?? refuse(`No function ${name}.`)) + head.join("") + tail.join("");
}

function textAt(words, at) {
  const from = Number(words[at] / 32n), size = Number(words[from]);
  if (!(size <= 256)) return "";
  const hex = words.slice(from + 1, from + 1 + Math.ceil(size / 32)).map(word).join("");
  return fromUtf8(fromHex("0x" + hex.slice(0, 2 * size)));
}

const asAddress = (value) => "0x" + (value & ((1n << 160n) - 1n)).toString(16).padStart(40, "0");
const asBytes32 = (value) => "0x" + word(value);
const shortText = (value) => fromUtf8(fromHex(asBytes32(value))).replace(/\0+$/, "");

// --- The chain, through the wallet

/** A failed call in words. */
export function inWords(error) {
  if (error instanceof Refused) return error.message;
  if (error?.code === 4001) return "You declined in the wallet.";
  if (error?.code === -32002) return "The wallet is asking already.";
  const said = JSON.stringify([error?.data, error?.message, error?.info]) ?? "";
  for (const [data] of said.matchAll(/0x[0-9a-fA-F]{8,}/g)) {
    const known = ERRORS[data.slice(0, 10).toLowerCase()];
    if (known) return `The contract refuses: ${known}`;
  }
  return `The wallet says: ${line(error?.message ?? error, 200) || "nothing"}`;
}

class Chain {
  constructor(provider) {
    this.provider = provider;
  }

  /** A question that no reader needs to confirm. */
  ask(method, params = []) {
    const late = sleep(READ_MS).then(() => refuse(`The wallet does not answer ${method}.`));
    late.catch(() => {});
    return Promise.race([this.provider.request({ method, params }), late]);
  }

  /** The words that a view answers. */
  async call(to, name, ...values) {
    const answer = await this.ask("eth_call", [{ to, data: encode(name, ...values) }, "latest"]);
    if (!/^0x([0-9a-fA-F]{64})+$/.test(answer)) refuse(`${short(to)} does not answer ${name}.`);
    return answer.slice(2).match(/.{64}/g).map((one) => BigInt("0x" + one));
  }

  async id() {
    return BigInt(await this.ask("eth_chainId"));
  }

  async now() {
    const block = await this.ask("eth_getBlockByNumber", ["latest", false]);
    const here = BigInt(Math.floor(Date.now() / 1000)), there = BigInt(block.timestamp);
    return there > here ? there : here;
  }

  async token(address) {
    if (same(address, ZERO)) return { address: ZERO, symbol: "of the native coin", decimals: 18, coin: true };
    const words = await this.call(address, "symbol");
    const symbol = words.length > 1 ? textAt(words, 0) : shortText(words[0]);
    const [decimals] = await this.call(address, "decimals");
    if (decimals > 36n) refuse(`The token at ${address} has ${decimals} decimals.`);
    return { address, symbol: line(symbol, 12) || short(address), decimals: Number(decimals) };
  }
}

const amount = (units, token) => `${decimal(units, token.decimals)} ${token.symbol}`;

// --- The registry: its code, its contracts, its assets

class Place {
  constructor(chain, told) {
    this.chain = chain;
    this.told = told;
    this.registry = addressOf(told.registry, "The registry that the page names");
  }

  /** Raises `Refused` unless the wallet is on the page's chain, and the registry's code is ours. */
  static async check(chain, told) {
    const wanted = natural(told.chain, "chain");
    const found = await chain.id();
    if (found !== wanted) throw Object.assign(new Refused(`The page is about chain ${wanted}; the wallet is on chain ${found}.`), { wanted });
    const place = new Place(chain, told);
    await place.genuine(place.registry, "AssetRegistry");
    const words = await chain.call(place.registry, "contracts");
    place.entries = new Map();
    for (let at = 2; at + 1 < words.length; at += 2) {
      place.entries.set(shortText(words[at]), asAddress(words[at + 1]));
    }
    return place;
  }

  /** Code with its immutable values left out has one digest, whoever deployed it. */
  async genuine(address, name) {
    const [digest, size, places] = CODES[name];
    const code = fromHex(await this.chain.ask("eth_getCode", [address, "latest"]));
    for (const at of places) code.fill(0, at, at + 32);
    if (code.length !== size || toHex(await sha256(code)) !== digest) {
      refuse(`The code at ${address} is not that of ${name} ${RELEASE}.${code.length ? "" : " There is none on this chain."}`);
    }
  }

  async contract(entry, name) {
    const address = this.entries.get(entry) ?? refuse(`This registry has no ${entry}.`);
    await this.genuine(address, name);
    if (["Marketplace", "Streams", "Curation"].includes(name)) {
      const [registry] = await this.chain.call(address, "registry");
      if (!same(asAddress(registry), this.registry)) refuse(`The ${entry} at ${address} is that of another registry.`);
    }
    return address;
  }

  /** What the chain says of the asset, and its document, proven by its digest. */
  async asset(id) {
    const words = await this.chain.call(this.registry, "assetInfo", id);
    const digest = asBytes32(words[1]);
    if (!same(digest, this.told.digest)) await this.listed(id);
    const found = { id, digest, state: words[3], delisted: words[4] === 1n, name: `asset ${id}`, licences: [] };
    const document = await this.document(this.told.digest);
    const terms = id < ITEM ? document : await this.document(asBytes32((await this.chain.call(this.registry, "assetInfo", (id - ITEM) >> 32n))[1]));
    found.licences = (terms?.licences ?? []).map((one) => line(one?.name));
    if (document) {
      found.name = line(document.name);
      if (this.told.name !== undefined && line(this.told.name) !== found.name) {
        refuse(`The page calls asset ${id} “${line(this.told.name)}”; its document says “${found.name}”.`);
      }
    }
    const fact = ["What", document ? `${found.name} (asset ${id})` : `asset ${id}; this hub does not have its document, so names are missing here`];
    return { ...found, fact };
  }

  /** Of an item that nobody minted the chain has its collection's root: whether the page's document is below it, minting would tell. */
  async listed(id) {
    const { digest, proof = "" } = this.told, no = () => refuse(`The page shows another document of asset ${id} than the chain.`);
    if (id < ITEM || !/^0x[0-9a-f]{64}$/.test(digest)) no();
    const data = encode("mintItem", id, digest, { list: proof.match(/[0-9a-f]{64}/g) ?? [] });
    await this.chain.ask("eth_call", [{ to: this.registry, data }, "latest"]).catch(no);
  }

  async document(digest) {
    try {
      const given = [this.told.document, this.told.terms].filter(Boolean); // an app brings them along; a page's hub is asked
      for (const text of given) if (same("0x" + toHex(await sha256(utf8(text))), digest)) return JSON.parse(text);
      if (given.length) return null;
      const answer = await fetch(`/v1/documents/${cidOf(fromHex(digest))}`, { credentials: "omit", signal: AbortSignal.timeout(READ_MS) });
      const bytes = new Uint8Array(await answer.arrayBuffer());
      if (!answer.ok || !same("0x" + toHex(await sha256(bytes)), digest)) return null;
      return JSON.parse(fromUtf8(bytes));
    } catch (error) {
      if (error instanceof Refused) throw error;
      return null;
    }
  }

  async licence(id, number) {
    const [price, units, , , , , kind, open, minimum] = await this.chain.call(this.registry, "licenceOf", id, number);
    return { price, amount: units, kind: Number(kind), open: open === 1n, minimum };
  }
}

const GIVES = [
  () => "access for as long as it is held",
  (licence, units) => `${period(licence.amount * units)} of access`,
  (licence, units) => many(licence.amount * units, "use"),
  (licence) => `access by the second, ${period(licence.amount)} at a time`,
];

// --- Paying

const DOMAIN = [["name", "string"], ["version", "string"], ["chainId", "uint256"], ["verifyingContract", "address"]];
const PERMIT = [["owner", "address"], ["spender", "address"], ["value", "uint256"], ["nonce", "uint256"], ["deadline", "uint256"]];
const fields = (pairs) => pairs.map(([name, type]) => ({ name, type }));

const step = (to, data, title, value = 0n) => ({ to, value, data, title });

/** The steps of a payment: exactly the price, to exactly that contract. `plain` and `signed` make the calldata. */
async function paid({ chain, account, token, total, spender, what, plain, signed }) {
  const send = (data, value) => step(spender, data, what, value);
  if (total === 0n) return [send(plain)];
  if (token.coin) {
    if (BigInt(await chain.ask("eth_getBalance", [account, "latest"])) < total) refuse(`The account has less than ${amount(total, token)}.`);
    return [send(plain, total)];
  }
  const [held] = await chain.call(token.address, "balanceOf", account);
  if (held < total) refuse(`The account has ${amount(held, token)}, and ${amount(total, token)} are needed.`);
  const [allowed] = await chain.call(token.address, "allowance", account, spender);
  if (allowed >= total) return [send(plain)];
  const permit = signed && (await permitOf(chain, account, token, total, spender));
  if (permit) {
    return [
      { typed: permit, title: `Let ${short(spender)} take ${amount(total, token)} once, until ${when(permit.message.deadline)}. A signature, which costs nothing.` },
      { ...send(null), from: (signature) => encode(signed.name, signed.order, [token.address, total, BigInt(permit.message.deadline), ...signature]) },
    ];
  }
  return [
    step(token.address, encode("approve", spender, total), `Let ${short(spender)} take ${amount(total, token)}, and no more.`),
    send(plain),
  ];
}

/** An EIP-2612 approval to be signed, null where token or account know none. */
async function permitOf(chain, account, token, value, spender) {
  if ((await chain.ask("eth_getCode", [account, "latest"])) !== "0x") return null; // it signs otherwise (ERC-1271)
  let words, nonce;
  try {
    words = await chain.call(token.address, "eip712Domain");
    [nonce] = await chain.call(token.address, "nonces", account);
  } catch {
    return null;
  }
  const chainId = await chain.id();
  // A domain that is not the token's own could make the signature good for something else.
  if (words[3] !== chainId || !same(asAddress(words[4]), token.address)) return null;
  return {
    types: { EIP712Domain: fields(DOMAIN), Permit: fields(PERMIT) },
    primaryType: "Permit",
    domain: { name: textAt(words, 1), version: textAt(words, 2), chainId: Number(chainId), verifyingContract: token.address },
    message: { owner: account, spender, value: value.toString(), nonce: nonce.toString(), deadline: ((await chain.now()) + PERMIT_SECONDS).toString() },
  };
}

function splitSignature(text) {
  if (!/^0x[0-9a-fA-F]{130}$/.test(text)) refuse("The wallet gave no signature of a key.");
  const v = BigInt("0x" + text.slice(130));
  return [v < 27n ? v + 27n : v, "0x" + text.slice(2, 66), "0x" + text.slice(66, 130)];
}

// --- Acts: each says in words what it does, and which steps it takes

const ACTS = {
  async buy({ chain, place, id, number, told, account }) {
    const market = await place.contract("marketplace", "Marketplace");
    const asset = await sold(place, id, number);
    const [address, total, fee, , royalty] = await chain.call(market, "quote", id, number, 1n);
    const token = await chain.token(asAddress(address));
    agreed(told, token, total);
    const order = [id, number, account, 1n, total, asset.digest];
    return {
      title: `Buy “${asset.licence.name}”`,
      facts: [
        asset.fact,
        ["It gives", GIVES[asset.licence.kind](asset.licence, 1n)],
        ["For", account],
        ["At most", total ? amount(total, token) : "nothing"],
        ...(total ? [["Of that", `${amount(fee, token)} of fee, ${amount(royalty, token)} of royalties`], ["Paid to", `the market ${market}`]] : []),
      ],
      steps: await paid({
        chain, account, token, total, spender: market,
        what: total ? `Buy it for ${amount(total, token)}.` : "Take it.",
        plain: encode("buyAccess", order),
        signed: { name: "buyAccessWithPermit", order },
      }),
      done: () => access(chain, place, id, number, account),
    };
  },

  async subscribe({ chain, place, id, number, told, account, given }) {
    const streams = await place.contract("streams", "Streams");
    const asset = await sold(place, id, number);
    const [own] = await chain.call(place.registry, "streamsOf", id, number);
    if (!same(asAddress(own), streams)) refuse("This licence is sold by another contract than the registry's streams.");
    if (!/^\d{1,4}$/.test(given.days ?? "") || given.days === "0") refuse("Days are a whole number from 1 to 9,999.");
    const time = BigInt(given.days) * DAY;
    const now = await chain.now();
    const [, end] = await chain.call(streams, "subscriptionOf", id, number, account);
    const runs = end > now;
    const [address, total] = runs
      ? await chain.call(streams, "quoteExtension", id, number, account, time)
      : await chain.call(streams, "quote", id, number, time);
    const token = await chain.token(asAddress(address));
    agreed(told, token, asset.licence.price);
    const order = [id, number, account, time, total, asset.digest];
    return {
      title: runs ? "Let it last longer" : `Subscribe to “${asset.licence.name}”`,
      facts: [
        asset.fact,
        ["It gives", `${period(time)} of access, until ${when((runs ? end : now) + time)}`],
        ["For", account],
        ["At most", amount(total, token)],
        ["You may end it", `at any time${asset.licence.minimum ? ` after ${period(asset.licence.minimum)}` : ""}: the rest is paid back`],
        ["Waits in", `the streams ${streams}`],
      ],
      steps: await paid({
        chain, account, token, total, spender: streams,
        what: `${runs ? "Extend" : "Subscribe"} for ${amount(total, token)}.`,
        plain: encode(runs ? "extend" : "subscribe", order),
        signed: { name: runs ? "extendWithPermit" : "subscribeWithPermit", order },
      }),
      done: () => access(chain, place, id, number, account),
    };
  },

  async cancel({ chain, place, id, number, told, account }) {
    const streams = await place.contract("streams", "Streams");
    const asset = await place.asset(id);
    const words = await chain.call(streams, "subscriptionOf", id, number, account);
    const [, end] = words, active = words[9] === 1n, earned = words[11], refund = words[12];
    if (!active) refuse(end ? `This account's subscription ended at ${when(end)}.` : "This account has no subscription to it.");
    const token = await chain.token(asAddress(words[5]));
    return {
      title: "End the subscription",
      facts: [
        asset.fact,
        ["For", account],
        ["Access now ends at", when(end)],
        ["Used so far", amount(earned, token)],
        ["You get back", `about ${amount(refund, token)}, less with each second`],
      ],
      steps: [step(streams, encode("cancel", id, number), "End it, and be paid back what has not passed.")],
      done: async () => "It is ended, and what was left is paid back.",
    };
  },

  async redeem({ chain, place, id, number, told, account, given }) {
    const units = natural(given.units || "1", "number of datatokens");
    const asset = await place.asset(id);
    const licence = await place.licence(id, number);
    const words = await chain.call(place.registry, "accessOf", id, number, account);
    const held = words[5] / 10n ** 18n;
    if (held < units || units === 0n) refuse(`The account holds ${many(held, "whole datatoken")} of this licence.`);
    return {
      title: `Redeem ${many(units, "datatoken")}`,
      facts: [
        asset.fact,
        ["It gives", GIVES[licence.kind](licence, units)],
        ["For", account],
        ["It costs", `${many(units, "datatoken")}, gone for good`],
      ],
      steps: [step(place.registry, encode("redeem", id, number, units, account), "Burn them, and have the access.")],
      done: () => access(chain, place, id, number, account),
    };
  },

  async vote({ chain, place, told, account, given }) {
    const id = BigInt(/^0x[0-9a-f]{64}$/.test(told.proposal ?? "") ? told.proposal : refuse("The page names no proposal."));
    const choice = { against: 0n, for: 1n, abstain: 2n }[given.choice] ?? refuse("Choose for, against or abstain.");
    const governor = await place.contract("governor", "RegistryGovernor");
    const token = await place.contract("token", "RegistryToken");
    const [ours] = await chain.call(governor, "token");
    if (!same(asAddress(ours), token)) refuse("The governor counts the votes of another token.");
    const [state] = await chain.call(governor, "state", id);
    if (state !== 1n) refuse("It is not open for votes now.");
    const [voted] = await chain.call(governor, "hasVoted", id, account);
    if (voted) refuse("This account has voted on it.");
    const [moment] = await chain.call(governor, "proposalSnapshot", id);
    const [votes] = await chain.call(token, "getPastVotes", account, moment);
    if (!votes) refuse(`This account had no votes at ${when(moment)}, when they were counted.`);
    const reason = String(given.reason ?? "").trim();
    if (utf8(reason).length > 1024) refuse("A reason has at most 1,024 bytes.");
    return {
      title: `Vote ${given.choice}`,
      facts: [
        ["Proposal", asBytes32(id)],
        ["Your vote", `${given.choice}, with ${decimal(votes / 10n ** 18n, 0)} votes; it cannot be changed`],
        ["Account", account],
        ...(reason ? [["Reason, on chain for ever", reason]] : []),
        ["What it does", "is told by the page alone; `registry dao show` reads it from the chain"],
      ],
      steps: [step(governor, reason ? encode("castVoteWithReason", id, choice, { text: reason }) : encode("castVote", id, choice), `Vote ${given.choice}.`)],
      done: async () => "Your vote is counted.",
    };
  },

  async delegate({ chain, place, account, given }) {
    const token = await place.contract("token", "RegistryToken");
    const to = given.to?.trim() ? addressOf(given.to.trim(), "The delegate") : account;
    const [held] = await chain.call(token, "balanceOf", account);
    if (!held) refuse("This account holds none of the DAO's tokens.");
    const [now] = await chain.call(token, "delegates", account);
    const name = (who) => (same(who, account) ? "yourself" : same(who, ZERO) ? "nobody" : who);
    if (same(asAddress(now), to)) refuse(`They are delegated to ${name(to)} already.`);
    return {
      title: "Delegate your votes",
      facts: [
        ["Votes", decimal(held / 10n ** 18n, 0)],
        ["Cast until now by", name(asAddress(now))],
        ["Cast from now on by", name(to)],
        ["The tokens", "stay yours"],
      ],
      steps: [step(token, encode("delegate", to), `Let ${name(to)} cast them.`)],
      done: async () => "They are delegated, from the next proposal on.",
    };
  },
};

async function sold(place, id, number) {
  const asset = await place.asset(id);
  asset.licence = { ...(await place.licence(id, number)), name: asset.licences[number] ?? `licence ${number}` };
  if (asset.delisted) refuse("The DAO delisted this asset: nothing of it is sold.");
  if (asset.state) refuse("Its owner sells nothing of it now.");
  if (!asset.licence.open) refuse("The licence is closed.");
  return asset;
}

/** Raises `Refused` unless the chain asks for exactly what the page shows. */
function agreed(told, token, units) {
  const shown = natural(told.total, "price");
  if (shown !== units) refuse(`The page shows ${amount(shown, token)}; the chain asks for ${amount(units, token)}.`);
  if (units && !same(told.token, token.address)) refuse(`The page shows a price in the token ${told.token}, the chain in ${token.address}.`);
}

async function access(chain, place, id, number, account) {
  const [active, expires, uses] = await chain.call(place.registry, "accessOf", id, number, account);
  if (!active) return "It is done.";
  return uses ? `You have ${many(uses, "use")}.` : expires ? `You have access until ${when(expires)}.` : "You have access.";
}

// --- Carrying out

/** What an act would do for an account: a title, facts in words, steps. Asks the wallet for nothing to be signed. */
export async function prepare(provider, told, account, given = {}) {
  const chain = new Chain(provider);
  const place = await Place.check(chain, told);
  const act = ACTS[told.act] ?? refuse(`There is no act ${told.act}.`);
  const id = told.asset && natural(told.asset, "asset"), number = told.licence && natural(told.licence, "licence");
  const made = await act({ chain, place, id, number, told, account, given });
  return { ...made, chain, chainId: natural(told.chain, "chain"), account, again: () => prepare(provider, told, account, given) };
}

async function unchanged(plan) {
  await sameWallet(plan);
  const again = await plan.again();
  const said = (one) => JSON.stringify([one.title, one.facts.filter(([name]) => !MOVING.has(name))]);
  if (said(again) !== said(plan)) refuse("The chain says something else than a moment ago. Begin again.");
}

const MOVING = new Set(["It gives", "Used so far", "You get back"]); // with each second

/** Have the wallet sign and send each step. Returns what came of it, in words. */
export async function carryOut(plan, tell = () => {}) {
  const { chain, account } = plan;
  await unchanged(plan);
  let signature;
  for (const [at, step] of plan.steps.entries()) {
    tell(at, "wallet");
    if (at) await sameWallet(plan);
    const ask = (method, ...params) => chain.provider.request({ method, params });
    if (step.typed) {
      signature = splitSignature(await ask("eth_signTypedData_v4", account, JSON.stringify(step.typed)));
      await step.after?.(signature);
      continue;
    }
    if (step.text) {
      signature = await ask("personal_sign", "0x" + toHex(utf8(textOf(step, signature))), account);
      continue;
    }
    const tx = { from: account, to: step.to, data: step.from ? step.from(signature) : step.data, value: "0x" + step.value.toString(16) };
    await chain.ask("eth_call", [tx, "latest"]); // what the chain would refuse is not sent
    const hash = await ask("eth_sendTransaction", tx);
    tell(at, "chain", hash);
    await mined(chain, hash);
  }
  return plan.done(signature, tell);
}

const textOf = ({ text }, signature) => (text?.call ? text(signature) : text); // it may name the last signature

async function sameWallet(plan) {
  const [account] = await plan.chain.ask("eth_accounts");
  if (!same(account, plan.account)) refuse(`The wallet is at ${account ?? "no account"} now; this was made for ${plan.account}. Begin again.`);
  if ((await plan.chain.id()) !== plan.chainId) refuse("The wallet is on another chain now. Begin again.");
}

async function mined(chain, hash) {
  if (!/^0x[0-9a-fA-F]{64}$/.test(hash)) refuse("The wallet answered with no hash of a transaction.");
  for (const until = Date.now() + MINED_MS; Date.now() < until; await sleep(500)) {
    const receipt = await chain.ask("eth_getTransactionReceipt", [hash]);
    if (receipt?.status === "0x1") return;
    if (receipt) refuse(`The chain refused ${hash}. Its fee is gone, nothing else.`);
  }
  refuse(`${hash} is not in the chain yet, and may still come: look in the wallet before you try again.`);
}

// --- Wallets of this browser

const announced = new Map();

/** The wallets that announce themselves; the one that only stands in the window is the last. */
export async function wallets() {
  const hear = ({ detail }) => {
    const { info, provider } = detail ?? {};
    if (typeof provider?.request === "function" && typeof info?.uuid === "string" && announced.size < 20) {
      announced.set(info.uuid, { name: line(info.name, 40) || "A wallet", icon: pictureOf(info.icon), provider });
    }
  };
  const event = "eip6963:announceProvider";
  addEventListener(event, hear);
  dispatchEvent(new Event("eip6963:requestProvider"));
  await sleep(150);
  removeEventListener(event, hear);
  const found = [...announced.values()];
  const old = globalThis.ethereum;
  if (typeof old?.request === "function" && !found.some((one) => one.provider === old)) {
    found.push({ name: "The wallet of this browser", provider: old });
  }
  return found;
}

const pictureOf = (icon) => (/^data:image\/(png|svg\+xml|webp|jpeg|gif)[;,]/.test(icon ?? "") ? icon : "");

// --- The dialog

export function make(tag, inside = {}, ...children) {
  const { text, ...attributes } = inside;
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  made.append(...children.filter(Boolean));
  return made;
}

export function buttonOf(inside, pressed, ...children) {
  const made = make("button", { type: "button", ...inside }, ...children);
  made.addEventListener("click", pressed);
  return made;
}

const FORMS = {
  subscribe: (told) => [{ name: "days", label: "Days", type: "number", min: "1", max: "9999", value: String((BigInt(told.per || DAY) + DAY - 1n) / DAY), required: "" }],
  redeem: (told) => [{ name: "units", label: "Datatokens", type: "number", min: "1", value: told.units || "1", required: "" }],
  vote: () => [
    { name: "choice", label: "Vote", options: ["for", "against", "abstain"] },
    { name: "reason", label: "Reason, for everybody to read", area: true, maxlength: "1000" },
  ],
  delegate: () => [{ name: "to", label: "To whom; empty for yourself", placeholder: "0x…", spellcheck: "false", autocomplete: "off" }],
};

function fieldOf({ label, options = [], area, ...attributes }) {
  const tag = area ? "textarea" : options.length ? "select" : "input";
  return make("label", {}, make("span", { text: label }),
    make(tag, { class: "field", ...(area ? { rows: "4" } : {}), ...attributes }, ...options.map((text) => make("option", { text }))));
}

class Dialog {
  constructor(told, within = document.body, ended = () => {}) {
    this.told = told;
    this.heard = ended;
    this.body = make("div", { class: "steps" });
    this.status = make("p", { role: "status", class: "small" });
    this.title = make("h2", { id: "act-title", text: told.label });
    this.close = buttonOf({ class: "plain-button", text: "Not now" }, () => this.box.close());
    this.foot = make("div", { class: "foot-line" }, this.close);
    this.box = make("dialog", { class: "act-box", "aria-labelledby": "act-title" }, this.title, this.body, this.status, this.foot);
    this.box.addEventListener("close", () => this.end());
    within.append(this.box);
    this.box.showModal();
  }

  end() {
    this.ended = true;
    this.unlisten?.();
    this.box.remove();
    this.heard(this.came);
  }

  say(text, tone = "") {
    this.status.textContent = text;
    this.status.className = tone ? `notice ${tone}` : "small soft";
  }

  bare() {
    this.foot.querySelectorAll("button.button").forEach((one) => one.remove());
  }

  /** Show parts, and wait until one of the buttons is pressed; returns its value. */
  show(parts, buttons) {
    this.body.replaceChildren(...parts);
    this.bare();
    return new Promise((done) => {
      for (const [text, value] of buttons) {
        this.foot.append(buttonOf({ class: "button", text }, () => done(value)));
      }
      this.foot.querySelector("button.button")?.focus();
    });
  }

  async run() {
    try {
      this.given = await this.form();
      this.wallet = await this.choose();
      if (this.wallet) await this.act();
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error) {
    if (this.ended) return;
    this.show([], [["Begin again", 1]]).then(() => this.run());
    this.say(inWords(error), error?.code === 4001 ? "calm" : "bad");
  }

  async form() {
    const fields = (FORMS[this.told.act] ?? (() => []))(this.told);
    if (!fields.length) return {};
    const form = make("form", { class: "act-form" }, ...fields.map(fieldOf));
    form.addEventListener("submit", (event) => event.preventDefault());
    this.say("");
    do await this.show([form], [["Go on", 1]]);
    while (!form.reportValidity());
    return Object.fromEntries(new FormData(form));
  }

  async choose() {
    this.say("Looking for a wallet…");
    const found = await wallets();
    if (!found.length) {
      this.say("There is no wallet in this browser. Open the page in the one that has yours, or use the command.", "calm");
      await this.show([], [["Look again", 1]]);
      return this.choose();
    }
    if (found.length === 1) return found[0];
    this.say("Which wallet?");
    return new Promise((done) => {
      this.show([make("ul", { class: "wallets" }, ...found.map((one) => {
        const icon = one.icon && make("img", { src: one.icon, alt: "", width: "24", height: "24" });
        return make("li", {}, buttonOf({}, () => done(one), icon, make("span", { text: one.name })));
      }))], []);
    });
  }

  async act() {
    const { provider, name } = this.wallet;
    this.show([], []);
    this.say(`Reading the chain through ${name}…`);
    const chain = new Chain(provider);
    try {
      await Place.check(chain, this.told); // before the wallet is asked for anything
    } catch (error) {
      if (error.wanted === undefined) throw error;
      await this.change(provider, error);
      return this.act();
    }
    const account = await this.account(provider, name);
    const plan = await prepare(provider, this.told, account, this.given);
    if (this.ended) return;
    this.listen(provider);
    this.say("Nothing is signed yet.");
    this.title.textContent = plan.title;
    await this.show(shown(plan, name), [["Sign in the wallet", 1]]);
    this.unlisten?.();
    const marks = this.body.querySelectorAll(".act-steps > li");
    const passed = (at) => marks.forEach((one, n) => one.classList.toggle("passed", n < at));
    this.bare();
    this.say("Looking once more…");
    this.came = await carryOut(plan, (at, where, hash) => {
      passed(at);
      this.say(where === "wallet" ? `Confirm step ${at + 1} of ${plan.steps.length} in ${name}, or decline there.` : hash ? `Sent as ${short(hash)}. Waiting for the chain…` : where);
    });
    passed(marks.length);
    this.close.textContent = "Close";
    this.say(this.came, "good");
    if (!this.told.account) this.body.append(make("p", { class: "small" }, make("a", { href: `/mine?account=${account}`, text: "What is mine" })));
  }

  async change(provider, error) {
    this.say(error.message, "calm");
    await this.show([], [[`Switch to chain ${error.wanted}`, 1]]);
    try {
      await provider.request({ method: "wallet_switchEthereumChain", params: [{ chainId: "0x" + error.wanted.toString(16) }] });
    } catch (refused) {
      if (refused?.code === 4902) refuse(`The wallet does not know chain ${error.wanted}. Add it there, with a node that you trust.`);
      throw refused;
    }
  }

  async account(provider, name) {
    let [found] = await provider.request({ method: "eth_accounts" });
    if (!found) {
      this.say(`Choose an account in ${name}.`);
      [found] = await provider.request({ method: "eth_requestAccounts" });
    }
    const { account } = this.told; // whom an app knows
    if (account && !same(found, account)) refuse(`The wallet is at ${found}, and you signed in as ${account}. Change it there, or sign in again.`);
    return addressOf(found, "What the wallet named");
  }

  /** Begin again when the reader changes account or chain in the wallet. */
  listen(provider) {
    const events = ["accountsChanged", "chainChanged"];
    const again = () => {
      this.unlisten();
      if (!this.ended) this.act().catch((error) => this.fail(error));
    };
    this.unlisten = () => events.forEach((one) => provider.removeListener?.(one, again));
    events.forEach((one) => provider.on?.(one, again));
  }
}

function shown(plan, name) {
  const facts = make("dl", { class: "facts" }, ...plan.facts.map(([term, text]) => make("div", {}, make("dt", { text: term }), make("dd", { text }))));
  const steps = make("ol", { class: "act-steps" }, ...plan.steps.map((one) => make("li", { text: one.title })));
  const raw = plan.steps.map((one) => textOf(one) ?? (one.typed
    ? JSON.stringify(one.typed.message, null, 1)
    : `to    ${one.to}\nvalue ${one.value}\ndata  ${one.data ?? `${one.from([0n, ZERO, ZERO])}\n(with the signature for its last words)`}`)).join("\n\n");
  return [
    facts,
    make("p", { class: "small soft", text: `${name} will ask you to confirm:` }),
    steps,
    make("details", { class: "small" }, make("summary", { text: "Byte by byte" }), make("pre", { class: "code wrapped", text: raw })),
  ];
}

export { ACTS, FORMS, GIVES, addressOf, agreed, amount, many, mined, natural, paid, period, refuse, sha256, step, toHex, utf8, when };

/** Show the dialog of an act, for an app; returns what came of it in words, undefined if nothing did. */
export const open = (told, within) => new Promise((ended) => new Dialog(told, within, ended).run());

/** Give each `[data-act]` below `root` its button. */
export function attach(root) {
  for (const one of root.querySelectorAll("[data-act]")) {
    const told = () => ({ ...document.documentElement.dataset, ...one.dataset });
    one.replaceChildren(buttonOf({ class: "button", text: one.dataset.label }, () => new Dialog(told()).run()));
  }
}

if (globalThis.document?.documentElement.dataset.registry) attach(document); // a page of a hub
