// A use of a licence, given for the key of content as registry.content.unlocking gives it: a receipt (EIP-712) that a key
// gateway hands in on chain, or, where none pays for that, the account itself. Until the content is open, receipt and key
// of the moment stay in this browser, so that whoever is interrupted spends no second one.

import { bytesOf, checksummed, generateX25519Identity, hex, keccak_256, sha256, utf8 } from "./gated.js";
import { mined } from "./wallet.js";

const SECONDS = 3600n;
const ZERO = "0x" + "0".repeat(40);
const RECEIPT = [
  ["assetId", "uint256"], ["licence", "uint8"], ["account", "address"], ["uses", "uint32"],
  ["service", "address"], ["ref", "bytes32"], ["nonce", "uint256"], ["deadline", "uint48"],
];
const DOMAIN = [["name", "string"], ["version", "string"], ["chainId", "uint256"], ["verifyingContract", "address"]];

const fields = (pairs) => pairs.map(([name, type]) => ({ name, type }));
const keccak = (text) => hex(keccak_256(utf8(text)));
const word = (value) => BigInt(value).toString(16).padStart(64, "0");

/** Where a registry's contract of receipts stands: it is the second one that the registry made. */
export const receiptsOf = (registry) => "0x" + hex(keccak_256(bytesOf(`d694${registry.slice(2).toLowerCase()}02`)).subarray(12));

/** What a receipt is given for: this asset, this key, this request. */
export const refOf = ({ did, version, recipient }) => hex(sha256(utf8(`registry.release.v1\n${did}\n${version}\n${recipient}`)));

export class Use {
  constructor({ chain, place, account }, asking) {
    Object.assign(this, { chain, account, asking, contract: receiptsOf(place.registry) });
    this.name = `use ${asking.did} ${asking.encryption.recipient} ${account.toLowerCase()}`;
  }

  /** The one that this browser gave before its content was open, null for none that is still good. */
  static async begun(act, asking) {
    const made = new Use(act, asking);
    let kept;
    try {
      kept = JSON.parse(localStorage.getItem(made.name));
    } catch {} // no place for it, or not ours
    if (!kept?.receipt) return null;
    made.receipt = kept.receipt;
    if (!(await made.isSpent()) && BigInt(kept.receipt.deadline) <= (await act.chain.now())) return null;
    made.wanted = await asking.wanted(kept.identity, kept.receipt);
    return made;
  }

  /** One of a licence, to be signed. */
  static async fresh(act, asking, licence) {
    const made = new Use(act, asking), identity = await generateX25519Identity();
    const { request } = await asking.wanted(identity);
    const key = BigInt("0x" + hex(crypto.getRandomValues(new Uint8Array(23)))); // in the order in which they come
    made.receipt = {
      account: checksummed(act.account), deadline: Number((await act.chain.now()) + SECONDS), did: asking.did, licence,
      nonce: (key << 64n).toString(), ref: refOf(request), service: ZERO, signature: "", uses: 1,
    };
    made.wanted = await asking.wanted(identity, made.receipt);
    const { account, deadline, nonce, ref, service, uses } = made.receipt;
    made.typed = {
      types: { EIP712Domain: fields(DOMAIN), Receipt: fields(RECEIPT) },
      primaryType: "Receipt",
      domain: { name: "AI Asset Registry", version: "1", chainId: Number(await act.chain.id()), verifyingContract: made.contract },
      message: { assetId: act.id.toString(), licence, account, uses, service, ref: `0x${ref}`, nonce, deadline },
    };
    return made;
  }

  /** Take the signature, and write it down. */
  signed([v, r, s]) {
    this.receipt.signature = r.slice(2) + s.slice(2) + v.toString(16);
    try {
      localStorage.setItem(this.name, JSON.stringify({ identity: this.wanted.identity, receipt: this.receipt }));
    } catch {} // without a place for it an interruption costs the use
  }

  /** Forget it: the content is open. */
  served() {
    try {
      localStorage.removeItem(this.name);
    } catch {}
  }

  /** Whether somebody has handed it in. */
  async isSpent() {
    const nonce = BigInt(this.receipt.nonce);
    const data = "0x" + keccak("nonces(address,uint192)").slice(0, 8) + word(this.account) + word(nonce >> 64n);
    return BigInt(await this.chain.ask("eth_call", [{ to: this.contract, data }, "latest"])) !== nonce;
  }

  /** Hand it in from the account, which pays for the transaction. */
  async handIn(tell) {
    tell("No key gateway pays for handing your use in. Your wallet asks whether you do.");
    const tx = { from: this.account, to: this.contract, data: this.calldata(), value: "0x0" };
    await this.chain.ask("eth_call", [tx, "latest"]);
    const hash = await this.chain.provider.request({ method: "eth_sendTransaction", params: [tx] });
    tell("Your use is sent. Waiting for the chain…");
    await mined(this.chain, hash);
  }

  calldata() {
    const { account, deadline, did, licence, nonce, ref, service, signature, uses } = this.receipt;
    const asset = did.slice(did.lastIndexOf("_") + 1);
    const selector = keccak(`consumeWithReceipt((${RECEIPT.map(([, type]) => type).join(",")}),bytes)`).slice(0, 8);
    const head = [asset, licence, account, uses, service, `0x${ref}`, nonce, deadline, 32 * 9, signature.length / 2].map(word);
    return "0x" + selector + head.join("") + signature.padEnd(64 * Math.ceil(signature.length / 64), "0");
  }
}
