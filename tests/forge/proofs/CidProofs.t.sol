// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {CidLib} from "../../../contracts/libraries/CidLib.sol";

/// @title CidProofs: the text of a CID, read back by the letter of RFC 4648.
/// @dev Proven by halmos (`make prove`), fuzzed by forge. What is read back is the digest, so no two digests share a text.
contract CidProofs {
    function testProve_theTextIsReadBackAsTheDigest(bytes32 digest) external pure {
        bytes memory text = bytes(CidLib.toText(digest));
        assert(text.length == 59 && text[0] == "b");
        // 32 bits of the prefix and 3 of the digest.
        uint256 head = 0;
        for (uint256 i = 1; i < 8; ++i) {
            head = (head << 5) | _valueOf(text[i]);
        }
        assert(head >> 3 == 0x01551220);
        uint256 read = head & 7;
        for (uint256 i = 8; i < 58; ++i) {
            read = (read << 5) | _valueOf(text[i]);
        }
        // The last three bits, and two that only fill up.
        uint256 last = _valueOf(text[58]);
        assert(last & 3 == 0);
        assert((read << 3) | (last >> 2) == uint256(digest));
    }

    function testProve_allIsOfTheAlphabet(bytes32 digest) external pure {
        bytes memory text = bytes(CidLib.toText(digest));
        for (uint256 i = 0; i < 59; ++i) {
            assert(_isOfTheAlphabet(text[i]));
        }
    }

    function testProve_anAddressIsTheSchemeAndTheText(bytes32 digest) external pure {
        bytes memory uri = bytes(CidLib.uri(digest));
        bytes memory text = bytes(CidLib.toText(digest));
        assert(uri.length == 66 && bytes7(bytes(uri)) == "ipfs://");
        for (uint256 i = 0; i < 59; ++i) {
            assert(uri[7 + i] == text[i]);
        }
    }

    function refute_theLastCharacterHasFiveBitsOfTheDigest(bytes32 digest) external pure {
        bytes memory text = bytes(CidLib.toText(digest));
        assert(_valueOf(text[58]) == uint256(digest) & 31);
    }

    function refute_noTextHasADigit(bytes32 digest) external pure {
        bytes memory text = bytes(CidLib.toText(digest));
        assert(text[30] > "7");
    }

    /// @dev `a` to `z` are 0 to 25, `2` to `7` are 26 to 31. Without a branch: the prover need not try both ways 58 times.
    function _valueOf(bytes1 character) private pure returns (uint256 value) {
        assembly ("memory-safe") {
            let code := byte(0, character)
            value := sub(code, add(24, mul(73, gt(code, 96))))
        }
    }

    function _isOfTheAlphabet(bytes1 character) private pure returns (bool yes) {
        assembly ("memory-safe") {
            let code := byte(0, character)
            yes := or(and(gt(code, 96), lt(code, 123)), and(gt(code, 49), lt(code, 56)))
        }
    }
}
