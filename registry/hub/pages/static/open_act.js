// Opening gated content, as an act of the wallet script: what the account has is read from the chain, and one message is
// signed for all key gateways, good for this page, asset and key of the moment alone. Who has uses alone gives one of them.

import { ACTS, many, same, when } from "./wallet.js";

const USE = 2;

/** What the chain says that an account has of an asset, in words; `licence` is that of uses, if it has nothing else. */
async function accessOf({ chain, place, account }, asset) {
  const [owner] = await chain.call(place.registry, "assetInfo", asset.id);
  if (same(`0x${owner.toString(16).padStart(40, "0")}`, account)) return { words: "you own it" };
  let uses;
  for (const [number, name] of asset.licences.entries()) {
    const [active, expires, left] = await chain.call(place.registry, "accessOf", asset.id, number, account);
    if (!active) continue;
    const { kind } = await place.licence(asset.id, number);
    if (kind !== USE) return { words: `“${name}”${expires ? `, until ${when(expires)}` : ""}` };
    uses ??= { words: `“${name}”, ${many(left, "use")} of it`, licence: number, name };
  }
  return uses ?? { words: "none that the chain knows: only an invitation of its owner opens it" };
}

ACTS.open = async (asked) => {
  const { chain, place, id, told, account } = asked, { asking } = told;
  const asset = await place.asset(id);
  const { Use } = await import("./use.js"); // with what is vendored, which is held against its digest before
  const begun = await Use.begun(asked, asking);
  const has = begun ? { words: "a use that you gave before, and had nothing for" } : await accessOf(asked, asset);
  const use = begun ?? (has.name ? await Use.fresh(asked, asking, has.licence) : null);
  const signIn = await asking.signIn(account, await chain.id());
  const hosts = asking.gateways.map(({ url }) => new URL(url).host);
  const { request } = use?.wanted ?? asking.plain;
  const text = (signature) => {
    if (use?.typed && !signature) return "A sign-in at the key gateways, which names the use once that is signed.";
    if (use?.typed) use.signed(signature);
    return signIn.text(request);
  };
  const steps = [{ text, title: "Sign in at the key gateways. A signature, which costs nothing." }];
  if (use?.typed) steps.unshift({ typed: use.typed, title: `Give one use of “${has.name}” for this opening. A signature, good for an hour.` });
  return {
    title: "Open what is encrypted",
    facts: [
      asset.fact,
      ["Your access", has.words],
      ["Key from", `${hosts.join(", ")}: ${asking.threshold} of them make it`],
      ["They learn", "your account, and that you open this asset now"],
      ["For", account],
      use
        ? ["It costs", `${use.typed ? "one use" : "no other use"}, which a gateway hands in on chain. If none pays for that, your wallet is asked to send it`]
        : ["It costs", "nothing: it is a signature, for this page and these gateways alone, good for ten minutes"],
      ...(use ? [["It lasts", "until you leave this page"]] : []),
    ],
    steps,
    done: async (signature, tell) => {
      const key = await asking.gather(signIn, use?.wanted ?? asking.plain, signature, { tell: (text) => tell(steps.length - 1, text), use });
      told.opened({ ...key, served: () => use?.served() });
      return "It is open, in this page and until you leave it.";
    },
  };
};
