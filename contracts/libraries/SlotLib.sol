// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Licence} from "../interfaces/ILicences.sol";

/// @dev One asset in one slot: the owner shares it with all that a publication, a sale or a transfer reads anyway.
struct Asset {
    address owner;
    uint24 version;
    uint24 epoch;
    uint8 licenceCount;
    /// The state in the low two bits, and flags.
    uint8 status;
    /// Asked of derivatives of this asset.
    uint16 derivativeBps;
    /// Owed to the ancestors of this asset, in all.
    uint16 royaltyBps;
}

/// @dev All that an account holds of one licence, except tokens, in one slot.
struct Grant {
    uint48 expiresAt;
    uint64 uses;
    uint32 taken;
    bool held;
}

/// @title SlotLib: writes a struct of one slot with one SSTORE.
/// @dev The compiler writes such a struct member by member, at 200 gas each. The shifts are the storage layout of
/// Solidity: the first member in the lowest bits. Reading is left to the compiler, so a wrong shift cannot go unseen.
library SlotLib {
    function write(Asset storage slot, Asset memory asset) internal {
        uint256 word = uint160(asset.owner) | (uint256(asset.version) << 160) | (uint256(asset.epoch) << 184)
            | (uint256(asset.licenceCount) << 208) | (uint256(asset.status) << 216)
            | (uint256(asset.derivativeBps) << 224) | (uint256(asset.royaltyBps) << 240);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    function write(Licence storage slot, Licence memory licence) internal {
        uint256 word = licence.price | (uint256(licence.amount) << 96) | (uint256(licence.cap) << 128)
            | (uint256(licence.issued) << 160) | (uint256(licence.limit) << 192)
            | (uint256(licence.paymentToken) << 208) | (uint256(licence.kind) << 216)
            | (licence.open ? uint256(1) << 224 : 0);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    function write(Grant storage slot, Grant memory held) internal {
        uint256 word = held.expiresAt | (uint256(held.uses) << 48) | (uint256(held.taken) << 112)
            | (held.held ? uint256(1) << 144 : 0);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }
}
