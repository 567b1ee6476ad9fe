// What readers say of an asset: signed by their wallet (EIP-6963, EIP-712), and handed in at the hub of the page.
//
// No transaction is made here, and nothing that is signed here is worth anything to anybody: it names chain, registry,
// asset and account, and all of its text, which the wallet shows. The hub judges who may say what.

import { inWords, Refused, wallets } from "./wallet.js";

const SIGNED = {
  comment: ["Comment", { version: "uint64", parent: "bytes32", text: "string" }],
  like: ["Like", { liked: "bool" }],
  request: ["AccessRequest", { licence: "uint8", use: "string" }],
  answer: ["AccessAnswer", { request: "bytes32", outcome: "string", text: "string" }],
};
const DOMAIN = { name: "string", version: "string", chainId: "uint256", verifyingContract: "address" };

/** JSON as RFC 8785 has it, of objects, texts, whole numbers and truth. */
export const canonical = (value) => typeof value !== "object" ? JSON.stringify(value)
  : `{${Object.keys(value).sort().map((name) => `${JSON.stringify(name)}:${canonical(value[name])}`).join(",")}}`;

/** The EIP-712 message of a statement. */
export function typed(said) {
  const [primaryType, fields] = SIGNED[said.kind];
  const [, chain, contract, asset] = /^did:nft:eip155:(\d+)_erc721:(0x[0-9a-fA-F]{40})_(\d+)$/.exec(said.asset);
  const types = { asset: "uint256", account: "address", ...fields, time: "uint64" };
  const listed = (given) => Object.entries(given).map(([name, type]) => ({ name, type }));
  return {
    types: { EIP712Domain: listed(DOMAIN), [primaryType]: listed(types) },
    primaryType,
    domain: { name: "Metahub", version: "1", chainId: Number(chain), verifyingContract: contract },
    message: Object.fromEntries(Object.keys(types).map((name) => [name, name === "asset" ? asset : said[name]])),
  };
}

/** Have a wallet sign a statement, and hand it in; returns its name. */
export async function say(provider, account, said) {
  const signature = await provider.request({
    method: "eth_signTypedData_v4", params: [account, JSON.stringify(typed(said))],
  });
  const answer = await fetch("/v1/statements", { method: "POST", body: canonical({ said, signature: signature.toLowerCase() }) });
  const told = await answer.json();
  if (!answer.ok) throw new Refused(told.error.message);
  return told.cid;
}

/** Account and time of who speaks: the later of this machine's and the chain's, in seconds. */
async function speaker(provider, chain) {
  const [account] = await provider.request({ method: "eth_requestAccounts" });
  const there = BigInt(await provider.request({ method: "eth_chainId" }));
  if (there !== BigInt(chain)) throw new Refused(`The wallet is on chain ${there}, and this registry on ${chain}. Change it in the wallet.`);
  const block = await provider.request({ method: "eth_getBlockByNumber", params: ["latest", false] });
  return { account: account.toLowerCase(), time: Math.max(Math.floor(Date.now() / 1000), Number(block.timestamp)) };
}

const READ = {
  comment: (form) => ({ version: Number(form.dataset.version), parent: form.dataset.parent, text: form.elements.text.value.trim() }),
  like: () => ({ liked: true }),
  request: (form) => ({ licence: Number(form.elements.licence.value), use: form.elements.use.value.trim() }),
  answer: (form) => ({ request: form.dataset.request, outcome: "declined", text: form.elements.text.value.trim() }),
};

async function submit(form, tell) {
  const [wallet] = await wallets();
  if (!wallet) throw new Refused("No wallet is in this browser. The command below does the same.");
  tell(`${wallet.name} shows what you sign.`);
  const { provider } = wallet;
  const who = await speaker(provider, document.documentElement.dataset.chain);
  const kind = form.dataset.say;
  await say(provider, who.account, { kind, asset: form.dataset.did, ...who, ...READ[kind](form) });
  tell("It is said.");
  location.reload();
}

for (const form of document.querySelectorAll("form[data-say]")) {
  const status = form.querySelector("[role=status]");
  const button = form.querySelector("button");
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await submit(form, (text) => { status.textContent = text; });
    } catch (error) {
      status.textContent = inWords(error);
    }
    button.disabled = false;
  });
}

// The one form for comments goes where somebody answers, and back when that is shut.
const comment = document.querySelector("form[data-say=comment]");
const [place, parent] = comment ? [comment.nextElementSibling, comment.dataset.parent] : [];
for (const answer of document.querySelectorAll("[data-answer]")) {
  answer.addEventListener("toggle", () => {
    if (answer.open) {
      for (const other of document.querySelectorAll("[data-answer][open]")) other.open = other === answer;
      comment.dataset.parent = answer.dataset.answer;
      answer.append(comment);
      comment.elements.text.focus();
    } else if (answer.contains(comment)) {
      comment.dataset.parent = parent;
      place.before(comment);
    }
  });
}
