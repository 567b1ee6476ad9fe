// Publishing, as an act of the wallet script: the document that the page made is read here, what its licences cost is
// read from the chain, all of it is said in words, and the transaction is built from nothing else.

import { ACTS, GIVES, addressOf, amount, cidOf, encode, line, many, natural, period, refuse, same, sha256, step, toHex, utf8 } from "./wallet.js";

/** The topic of MetadataPublished(uint256,uint256,bytes32,address). */
export const PUBLISHED = "0xf70c4ae479930b8a1e82fb0b03a9e91a07441bf7ee8b54de4cd0d5e9a5f843ea";

const ZERO = "0x" + "0".repeat(40);
const STREAM = 3;
const MOST = { price: 1n << 96n, amount: 1n << 32n, cap: 1n << 32n, limit: 1n << 16n, minimum: 1n << 24n };

/** The payment tokens that the registry takes, by the number under which a licence names them. */
async function tokensOf(chain, place) {
  const words = await chain.call(place.registry, "paymentTokens");
  const found = [];
  for (let at = 2; at + 1 < words.length; at += 2) {
    found.push({ address: "0x" + (words[at] & ((1n << 160n) - 1n)).toString(16).padStart(40, "0"), allowed: words[at + 1] === 1n });
  }
  return found;
}

function number(offer, name) {
  const found = natural(String(offer[name] ?? 0), `${name} of a licence`);
  if (found >= MOST[name]) refuse(`The ${name} of a licence is larger than the registry keeps.`);
  return found;
}

/** A licence as the contract takes it, and in words that are made of the same values. */
async function offered(chain, tokens, streams, offer, text) {
  const price = number(offer, "price"), units = number(offer, "amount"), cap = number(offer, "cap"), limit = number(offer, "limit");
  const minimum = number(offer, "minimum");
  const kind = Number(natural(String(offer.kind), "kind of a licence"));
  if (kind > STREAM) refuse("There is no such kind of licence.");
  if (minimum && kind !== STREAM) refuse("Only access by the second has a smallest stay.");
  if ((kind === 0) !== (units === 0n)) refuse("A licence has no length, or one that it cannot have.");
  let token = 0, words = "free";
  if (price) {
    const wanted = addressOf(offer.token, "The token of a price");
    token = tokens.findIndex((one) => one.allowed && same(one.address, wanted));
    if (token < 0) refuse(`This registry takes no payments in ${wanted}.`);
    words = `for ${amount(price, await chain.token(wanted))}${kind === STREAM ? ` per ${period(units)}` : ""}`;
  }
  const gives = kind === STREAM ? "access by the second" : GIVES[kind]({ amount: units }, 1n);
  const stay = minimum ? `; ${period(minimum)} at the start cannot be paid back` : "";
  const most = [cap && `${many(cap, "unit")} in all`, limit && `${many(limit, "unit")} for one account`].filter(Boolean);
  return {
    fact: [`Licence “${line(text.name)}”`, `${gives}, ${words}${most.length ? `; at most ${most.join(", ")}` : ""}${stay}`],
    words: [price, BigInt(token), BigInt(kind), units, cap, limit, minimum, kind === STREAM ? streams : ZERO],
  };
}

function documentOf(text) {
  let found;
  try {
    found = JSON.parse(text);
  } catch {
    refuse("The page gives no document.");
  }
  return typeof found?.name === "string" ? found : refuse("The page gives no document.");
}

/** The asset that an account published with a document, in words of a log; undefined for none. */
async function publishedAs({ chain, place, account }, digest, fromBlock) {
  const topics = [PUBLISHED, null, digest, "0x" + account.slice(2).toLowerCase().padStart(64, "0")];
  const logs = await chain.ask("eth_getLogs", [{ address: place.registry, topics, fromBlock, toBlock: "latest" }]).catch(() => []);
  const first = logs.find((one) => BigInt(one.data) === 1n);
  return first && BigInt(first.topics[1]);
}

const size = (bytes) => (bytes < 10_000 ? many(bytes, "byte") : `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 2 })} MB`);

ACTS.publish = async (asked) => {
  const { chain, place, told, account } = asked;
  const bytes = utf8(told.document ?? "");
  const document = documentOf(told.document);
  const digest = "0x" + toHex(await sha256(bytes));
  const offers = JSON.parse(told.offers || "[]"), texts = document.licences ?? [];
  if (offers.length !== texts.length) refuse("The document names other licences than would be sold.");
  if ((document.parents ?? []).length) refuse("This page publishes nothing that was made from other assets.");
  const since = await chain.ask("eth_blockNumber");
  const before = await publishedAs(asked, digest, "0x0");
  if (before) refuse(`This account published this document before, as asset ${before}.`);
  const sellsByTime = offers.some((one) => Number(one.kind) === STREAM);
  const streams = sellsByTime ? await place.contract("streams", "Streams") : "";
  const tokens = await tokensOf(chain, place);
  const made = [];
  for (const [n, offer] of offers.entries()) made.push(await offered(chain, tokens, streams, offer, texts[n]));
  const derived = told.royalty !== undefined && told.royalty !== "";
  const royalty = derived ? natural(told.royalty, "royalty") : 0n;
  if (royalty > 3000n) refuse("Derivatives owe 30 % at most.");
  const { content } = document;
  // The tuple lies behind two words, its lists behind its own seven: parents, which are none, and licences.
  const data = encode("publish", account, 64n, digest, ZERO, derived, royalty, 224n, 0n, 256n, 0n, BigInt(made.length), ...made.flatMap((one) => one.words));
  return {
    title: `Publish “${line(document.name)}”`,
    facts: [
      ["What", `${line(document.name)}, a ${line(document.type, 20)}`],
      ["Content", content ? `${size(content.size)} at ipfs://${line(content.cid)}` : "none"],
      ["Content licence", line(document.license)],
      ["Its document", `ipfs://${cidOf(await sha256(bytes))}, ${many(bytes.length, "byte")}`],
      ...(made.length ? made.map((one) => one.fact) : [["Licences", "none yet: nothing is sold"]]),
      ["Derivatives", derived ? `allowed, for ${Number(royalty) / 100} % of their sales` : "not allowed"],
      ["Owner, who is paid", account],
      ["For good", "everybody can read the content, and what was published cannot be taken back"],
    ],
    steps: [step(place.registry, data, "Publish it.")],
    done: async () => {
      const found = await publishedAs(asked, digest, since);
      return found ? `It is published as asset ${found}.` : "It is published.";
    },
  };
};
