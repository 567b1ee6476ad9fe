// Granting a request for access, as an act of the wallet script: who asked for what is read of the statement itself, which
// is held against its digest. The licence is given on chain; then the answer is signed, and handed in at the hub.

import { canonical, typed } from "./talk.js";
import { ACTS, GIVES, cidOf, line, refuse, same, sha256, step, toHex, utf8 } from "./wallet.js";

/** The selector of grant(uint256,uint256,address,uint32,bool). */
export const GRANT = "0xc3ea0b30";

const STREAM = 3;
const word = (value) => BigInt(value).toString(16).padStart(64, "0");

/** What was asked, by the digest that the page names. */
async function named(digest) {
  if (!/^0x[0-9a-f]{64}$/.test(digest ?? "")) refuse("The page names no request.");
  const bytes = Uint8Array.from(digest.slice(2).match(/../g), (pair) => parseInt(pair, 16));
  const answer = await fetch(`/v1/statements/${cidOf(bytes)}`, { credentials: "omit", signal: AbortSignal.timeout(20_000) });
  const { said } = answer.ok ? await answer.json() : {};
  if (!said || !same("0x" + toHex(await sha256(utf8(canonical(said)))), digest)) refuse("This hub does not have the request that its page names.");
  return said;
}

/** The request of an act, if it is what the page says, and for the account to answer. */
export async function requested({ chain, place, id, number, told, account }) {
  const said = await named(told.request);
  const did = `did:nft:eip155:${await chain.id()}_erc721:${place.registry}_${id}`;
  if (said.kind !== "request" || !same(said.asset, did) || BigInt(said.licence) !== number) refuse("The request is for something else than the page says.");
  if (!same(said.account, told.to)) refuse(`The request is of ${said.account}, and the page names ${told.to}.`);
  const [owner] = await chain.call(place.registry, "assetInfo", id);
  if (BigInt(account) !== owner) refuse("Only its owner answers, and the wallet is at another account.");
  return said;
}

/** What an owner says that came of a request, and how that is handed in at the hub once it is signed. */
export function answering({ asset }, request, account, time, outcome) {
  const said = { kind: "answer", asset, account: account.toLowerCase(), time, request, outcome, text: "" };
  const handedIn = async ([v, r, s], done) => {
    const signature = r + s.slice(2) + v.toString(16);
    const taken = await fetch("/v1/statements", { method: "POST", body: canonical({ said, signature }) });
    if (!taken.ok) refuse(`${done}; the hub does not take the answer: ${line((await taken.json()).error?.message)}`);
    return `${done}, and said.`;
  };
  return { said, handedIn };
}

ACTS.grant = async (act) => {
  const { chain, place, id, number, told, account } = act;
  const asset = await place.asset(id);
  const said = await requested(act);
  const licence = await place.licence(id, number);
  if (licence.kind === STREAM) refuse("What is sold by the second cannot be granted.");
  const [active] = await chain.call(place.registry, "accessOf", id, number, said.account);
  const answer = answering(said, told.request, account, Number(await chain.now()), "granted");
  const call = GRANT + [id, number, said.account, 1, 0].map(word).join("");
  return {
    title: `Grant “${asset.licences[Number(number)] ?? `licence ${number}`}”`,
    facts: [
      asset.fact,
      ["It gives", active ? "nothing more: the account has access by now" : GIVES[licence.kind](licence, 1n)],
      ["To", said.account],
      ["Asked for", line(said.use, 1000)],
      ["It costs them", "nothing; nor you, but for the transaction"],
    ],
    steps: [
      ...(active ? [] : [step(place.registry, call, "Give one unit of it, bound to that account.")]),
      { typed: typed(answer.said), title: "Say that it is granted. A signature, which costs nothing." },
    ],
    done: (signature) => answer.handedIn(signature, "It is granted"),
  };
};
