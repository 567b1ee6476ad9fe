// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

/// @title CidLib: the text form of a content identifier.
library CidLib {
    /// RFC 4648 base32, lower case, as multibase `b` wants it.
    bytes32 private constant ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";

    /// CIDv1 (0x01), codec raw (0x55), multihash sha2-256 (0x12) of 32 bytes (0x20).
    uint256 private constant PREFIX = 0x01551220;

    /// @notice Where a raw block is: `ipfs://` and its CID.
    /// @param digest sha2-256 of the block.
    /// @return The address.
    function uri(bytes32 digest) internal pure returns (string memory) {
        return string.concat("ipfs://", toText(digest));
    }

    /// @notice The CIDv1 of a raw block in base32: `bafkrei` and 52 more characters.
    /// @dev 36 bytes are 288 bits: 57 groups of 5 and one of 3, padded with two zero bits, after the multibase `b`.
    /// @param digest sha2-256 of the block.
    /// @return The text.
    function toText(bytes32 digest) internal pure returns (string memory) {
        bytes memory text = new bytes(59);
        text[0] = "b";
        // The first 32 bits and 3 of the digest make seven characters; 50 groups of the digest and its last 3 bits follow.
        uint256 head = (PREFIX << 3) | (uint256(digest) >> 253);
        for (uint256 i = 0; i < 7; ++i) {
            text[1 + i] = ALPHABET[(head >> (30 - 5 * i)) & 31];
        }
        uint256 tail = uint256(digest) << 3;
        for (uint256 i = 0; i < 51; ++i) {
            text[8 + i] = ALPHABET[(tail << (5 * i)) >> 251];
        }
        return string(text);
    }
}
