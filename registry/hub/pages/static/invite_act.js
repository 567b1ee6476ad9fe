// Inviting who asked for access to encrypted content, as an act of the wallet script: who asked is read of the statement
// itself, the key gateways of the document, each held against its digest. What is signed goes to these gateways alone.

import { answering, requested } from "./grant_act.js";
import { typed } from "./talk.js";
import { ACTS, line, natural, refuse, when } from "./wallet.js";

const DOMAIN = { name: "string", version: "string", chainId: "uint256", verifyingContract: "address" };
const INVITATION = { assetId: "uint256", account: "address", from: "uint64", until: "uint64", nonce: "uint64" };

const listed = (given) => Object.entries(given).map(([name, type]) => ({ name, type }));

/** Hand a signed invitation in; at least so many of the gateways must keep it. */
async function handedIn(gateways, threshold, body) {
  const causes = [];
  await Promise.all(gateways.map(async ({ url }) => {
    try {
      const answer = await fetch(`${url}/v1/invitations`, {
        method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
        credentials: "omit", redirect: "error", signal: AbortSignal.timeout(20_000),
      });
      if (!answer.ok) throw new Error((await answer.json()).error?.message);
    } catch (error) {
      causes.push(`${new URL(url).host}: ${line(error.message, 200)}`);
    }
  }));
  if (gateways.length - causes.length < threshold) refuse(`Too few key gateways took the invitation. ${causes.join("; ")}`);
}

ACTS.invite = async (act) => {
  const { chain, place, id, told, account } = act;
  const asset = await place.asset(id);
  const said = await requested(act);
  const days = Number(natural(told.days, "number of days"));
  const { content } = (await place.document(asset.digest)) ?? refuse("This hub does not have the document, which names the key gateways.");
  const { gateways = [], threshold } = content?.encryption ?? {};
  const chosen = gateways.filter(({ url }) => JSON.parse(told.gateways).includes(url));
  if (!(chosen.length >= threshold)) refuse("Fewer key gateways of the document are chosen than make the key.");
  // One of the two clocks may be wrong: by neither may it begin late, or end early.
  const { timestamp } = await chain.ask("eth_getBlockByNumber", ["latest", false]);
  const clocks = [Math.floor(Date.now() / 1000), Number(timestamp)];
  const from = Math.min(...clocks), until = Math.max(...clocks) + days * 86_400;
  const nonce = Number(crypto.getRandomValues(new BigUint64Array(1))[0] >> 12n); // a whole number of JSON
  const invitation = { did: said.asset, account: said.account, from, until, nonce };
  const signed = {
    types: { EIP712Domain: listed(DOMAIN), Invitation: listed(INVITATION) },
    primaryType: "Invitation",
    domain: { name: "AI Asset Registry Key Gateway", version: "1", chainId: Number(await chain.id()), verifyingContract: place.registry },
    message: { assetId: id.toString(), account: said.account, from, until, nonce },
  };
  const answer = answering(said, told.request, account, Number(await chain.now()), "invited");
  return {
    title: "Invite who asked",
    facts: [
      asset.fact,
      ["It gives", `what is encrypted, to be opened until ${when(until)}`],
      ["To", said.account],
      ["Asked for", line(said.use, 1000)],
      ["Kept by", chosen.map(({ url }) => new URL(url).host).join(", ")],
      ["It costs", "nothing, and holds until it ends"],
    ],
    steps: [
      {
        typed: signed, title: "Sign the invitation, which goes to the key gateways. A signature, which costs nothing.",
        after: ([v, r, s]) => handedIn(chosen, threshold, { invitation, signature: r + s.slice(2) + v.toString(16) }),
      },
      { typed: typed(answer.said), title: "Say that the account is invited. A signature, which costs nothing." },
    ],
    done: (signature) => answer.handedIn(signature, "It is invited"),
  };
};
