// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Licence} from "../interfaces/ILicences.sol";
import {Stream} from "../interfaces/IStreams.sol";

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

/// @dev What a splitter counted of one token.
struct Book {
    /// What arrived in all and was divided.
    uint120 received;
    /// What of that waits for claims.
    uint120 parked;
    /// In a round that is paid in chunks, whose turn it is; zero between rounds.
    uint16 next;
}

/// @dev One row of the table of an asset's ancestors.
struct AncestorRow {
    address registry;
    uint64 assetId;
    uint16 royaltyBps;
    /// In the first row, how many rows there are.
    uint16 count;
}

/// @dev Votes on a proposal, for or abstaining, what they must come to, and until when one can vote once they do.
struct Turnout {
    uint96 votes;
    uint96 quorum;
    uint48 extendedDeadline;
    /// What else must be known of a proposal; a set of flags.
    uint8 flags;
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
            | (licence.open ? uint256(1) << 224 : 0) | (uint256(licence.minimum) << 232);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    function write(Grant storage slot, Grant memory grant_) internal {
        uint256 word = grant_.expiresAt | (uint256(grant_.uses) << 48) | (uint256(grant_.taken) << 112)
            | (grant_.held ? uint256(1) << 144 : 0);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    /// @dev By its members, as a splitter works with them.
    function write(Book storage slot, uint120 received, uint120 parked, uint16 next) internal {
        uint256 word = received | (uint256(parked) << 120) | (uint256(next) << 240);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    function write(AncestorRow storage slot, AncestorRow memory row) internal {
        uint256 word = uint160(row.registry) | (uint256(row.assetId) << 160)
            | (uint256(row.royaltyBps) << 224) | (uint256(row.count) << 240);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    function write(Stream storage slot, Stream memory stream) internal {
        uint256 word = stream.start | (uint256(stream.end) << 48) | (uint256(stream.settled) << 96)
            | (uint256(stream.price) << 144) | (uint256(stream.feeBps) << 240);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    function write(Turnout storage slot, Turnout memory turnout) internal {
        uint256 word = turnout.votes | (uint256(turnout.quorum) << 96)
            | (uint256(turnout.extendedDeadline) << 192) | (uint256(turnout.flags) << 240);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }
}
