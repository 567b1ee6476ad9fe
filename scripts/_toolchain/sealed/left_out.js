// Keys that age knows and this registry does not (post-quantum hybrids, P-256 tags) are left out: half of the bundle.

const none = () => { throw new Error("This kind of age key is not read here."); };

export const MLKEM768P256 = { encapsulate: none, decapsulate: none, getPublicKey: none, keygen: none };
export const MLKEM768X25519 = MLKEM768P256;
export const p256 = { Point: { fromBytes: none } };
