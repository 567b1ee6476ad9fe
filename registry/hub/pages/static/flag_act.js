// Flagging an asset, as an act of the wallet script: a reason, whose digest goes on chain, and a bond.

import { ACTS, FORMS, addressOf, agreed, amount, cidOf, encode, paid, refuse, sha256, toHex, utf8 } from "./wallet.js";

FORMS.flag = () => [{ name: "reason", label: "What is wrong, and how others can see it", area: true, maxlength: "9000", required: "" }];

ACTS.flag = async ({ chain, place, id, told, account, given }) => {
  const reason = String(given.reason ?? "").trim();
  const bytes = utf8(reason);
  if (bytes.length < 20 || bytes.length > 10_000) refuse("A reason has 20 to 10,000 bytes.");
  const curation = await place.contract("curation", "Curation");
  const asset = await place.asset(id);
  const token = await chain.token(addressOf(told.token, "The token of the bond"));
  const [bond] = await chain.call(curation, "bondIn", token.address);
  if (!bond) refuse(`No bonds are taken in ${token.symbol}.`);
  agreed(told, token, bond);
  const digest = await sha256(bytes);
  return {
    title: "Flag the asset",
    facts: [
      asset.fact,
      ["Reason", reason],
      ["Its digest, on chain", cidOf(digest)],
      ["Bond", `${amount(bond, token)}: yours again if the flag is upheld or never decided, else the owner's`],
      ["From", account],
    ],
    steps: await paid({
      chain, account, token, total: bond, spender: curation, signed: null,
      what: `Flag it, with a bond of ${amount(bond, token)}.`,
      plain: encode("flag", id, "0x" + toHex(digest), token.address, bond),
    }),
    done: async () => {
      let kept;
      for (let n = 6; n-- && !kept?.ok; kept?.ok || (await new Promise((done) => setTimeout(done, 2_000)))) {
        kept = await fetch("/v1/reasons", { method: "POST", body: bytes }).catch(() => 0);
      }
      return `It is flagged. ${kept?.ok ? "This hub keeps your reason." : "Keep your reason where others find it: " + cidOf(digest)}`;
    },
  };
};
