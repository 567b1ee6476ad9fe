// The parts of Node that slip39 asks for when it puts shares together. It makes no randomness here.

import { hmac } from "@noble/hashes/hmac.js";
import { pbkdf2 } from "@noble/hashes/pbkdf2.js";
import { sha256 } from "@noble/hashes/sha2.js";

export const Buffer = { from: (bytes) => Uint8Array.from(bytes) };

export const pbkdf2Sync = (password, salt, c, dkLen) => pbkdf2(sha256, password, salt, { c, dkLen });

export const createHmac = (_, key) => hmac.create(sha256, key);
