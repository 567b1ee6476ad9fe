// What a page needs of npm to open gated content; ../page_bundle.py makes one file of it.

export { chacha20poly1305 } from "@noble/ciphers/chacha.js";
export { secp256k1 } from "@noble/curves/secp256k1.js";
export { hkdf } from "@noble/hashes/hkdf.js";
export { sha256 } from "@noble/hashes/sha2.js";
export { keccak_256 } from "@noble/hashes/sha3.js";
export { bech32 } from "@scure/base";
export { Decrypter, armor, generateX25519Identity, identityToRecipient } from "age-encryption";
export { WORD_LIST, combineMnemonics, validateMnemonic } from "slip39/src/slip39_helper.js";
