// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Parts} from "../../../contracts/interfaces/IStreams.sol";
import {ShareTable} from "../../../contracts/libraries/ShareTable.sol";
import {StreamLib} from "../../../contracts/libraries/StreamLib.sol";

/// @title StreamLemmas: what time costs, and how it is divided, decided on integers.
/// @dev Proven by halmos (`make prove`), fuzzed by forge. Prices have 96 bits, times 48, what a price pays for 32.
contract StreamLemmas {
    function testProve_timeCostsItsShareOfThePrice(uint96 price, uint32 amount, uint48 time) external pure {
        if (amount == 0) return;
        unchecked {
            assert(StreamLib.owed(price, amount, time) * amount >= uint256(price) * time);
        }
    }

    function testProve_timeCostsLessThanAUnitAboveItsShare(uint96 price, uint32 amount, uint48 time)
        external
        pure
    {
        if (amount == 0) return;
        unchecked {
            assert(StreamLib.owed(price, amount, time) * amount < uint256(price) * time + amount);
        }
    }

    function testProve_moreTimeNeverCostsLess(uint96 price, uint32 amount, uint48 time, uint48 more)
        external
        pure
    {
        if (amount == 0 || time > more) return;
        assert(StreamLib.owed(price, amount, time) <= StreamLib.owed(price, amount, more));
    }

    function testProve_noTimeCostsNothing(uint96 price, uint32 amount) external pure {
        if (amount == 0) return;
        assert(StreamLib.owed(price, amount, 0) == 0);
    }

    /// @notice What is left beside a part never shrinks either: a step of a total is never less than the step of its part.
    function testProve_whatAPartLeavesNeverShrinks(uint120 before, uint120 total, uint16 share, uint16 whole)
        external
        pure
    {
        if (before > total || share > whole || whole == 0) return;
        unchecked {
            assert(
                before - ShareTable.part(before, share, whole) <= total - ShareTable.part(total, share, whole)
            );
        }
    }
}

/// @title StreamParts: an amount is divided without a rest.
contract StreamParts {
    function testProve_thePartsAreTheAmount(uint120 total, uint16 feeBps, uint16 royaltyBps) external pure {
        if (feeBps > 500 || royaltyBps > 3000) return;
        Parts memory parts = StreamLib.divide(total, feeBps, royaltyBps);
        assert(uint256(parts.fee) + parts.royalty + parts.payout == total);
    }

    /// @notice However often it is settled, no part is ever taken back.
    function testFuzz_noPartEverShrinks(uint120 before, uint120 total, uint16 feeBps, uint16 royaltyBps)
        external
        pure
    {
        (feeBps, royaltyBps) = (feeBps % 501, royaltyBps % 3001);
        if (before > total) (before, total) = (total, before);
        Parts memory then = StreamLib.divide(before, feeBps, royaltyBps);
        Parts memory now_ = StreamLib.divide(total, feeBps, royaltyBps);
        assert(then.fee <= now_.fee && then.royalty <= now_.royalty && then.payout <= now_.payout);
    }
}

/// @title StreamRefutations: what is false, so that a prover which believes anything is noticed.
contract StreamRefutations {
    function refute_timeCostsExactlyItsShare(uint96 price, uint32 amount, uint48 time) external pure {
        if (amount == 0) return;
        unchecked {
            assert(StreamLib.owed(price, amount, time) * amount == uint256(price) * time);
        }
    }

    function refute_timeInTwoPiecesCostsTheSame(uint96 price, uint32 amount, uint40 one, uint40 other)
        external
        pure
    {
        if (amount == 0) return;
        uint256 whole = StreamLib.owed(price, amount, uint256(one) + other);
        assert(StreamLib.owed(price, amount, one) + StreamLib.owed(price, amount, other) == whole);
    }
}
