// Opening gated content, as an act of the wallet script: what the account has is read from the chain, and one message is
// signed for all key gateways. It costs nothing, and is good for this page, asset and key of the moment alone.

import { ACTS, many, refuse, same, when } from "./wallet.js";

const USE = 2;

/** What the chain says that an account has of an asset. */
async function accessOf({ chain, place, account }, asset) {
  const [owner] = await chain.call(place.registry, "assetInfo", asset.id);
  if (same(`0x${owner.toString(16).padStart(40, "0")}`, account)) return "you own it";
  let uses = 0n;
  for (const [number, name] of asset.licences.entries()) {
    const [active, expires, left] = await chain.call(place.registry, "accessOf", asset.id, number, account);
    if (!active) continue;
    const { kind } = await place.licence(asset.id, number);
    if (kind !== USE) return `“${name}”${expires ? `, until ${when(expires)}` : ""}`;
    uses += left;
  }
  if (uses) refuse(`This account has ${many(uses, "use")} and no other access: a page spends none. The command does: registry download ${asset.id}`);
  return "none that the chain knows: only an invitation of its owner opens it";
}

ACTS.open = async (asked) => {
  const { chain, place, id, told, account } = asked;
  const asset = await place.asset(id);
  const has = await accessOf(asked, asset);
  const { asking } = told;
  const signIn = await asking.signIn(account, await chain.id());
  const hosts = asking.gateways.map(({ url }) => new URL(url).host);
  return {
    title: "Open what is encrypted",
    facts: [
      asset.fact,
      ["Your access", has],
      ["Key from", `${hosts.join(", ")}: ${asking.threshold} of them make it`],
      ["They learn", "your account, and that you open this asset now"],
      ["For", account],
      ["It costs", "nothing: it is a signature, for this page and these gateways alone, good for ten minutes"],
    ],
    steps: [{ text: signIn.text, title: "Sign in at the key gateways. A signature, which costs nothing." }],
    done: async (signature, tell) => {
      told.opened(await asking.gather(signIn, signature, (text) => tell(0, text)));
      return "It is open, in this page and until you leave it.";
    },
  };
};
