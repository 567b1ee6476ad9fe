// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Parts} from "../../../contracts/interfaces/IStreams.sol";
import {ShareTable} from "../../../contracts/libraries/ShareTable.sol";
import {ShareFacts} from "./ShareProofs.t.sol";
import {StreamLib} from "../../../contracts/libraries/StreamLib.sol";

/// @title StreamLemmas: what time costs, and how it is divided, decided on integers.
/// @dev Proven by halmos (`make prove`), fuzzed by forge. Prices have 96 bits, times 48, what a price pays for 32.
contract StreamLemmas {
    function testProve_timeCostsItsShareOfThePrice(uint96 price, uint32 amount, uint48 time) external pure {
        if (amount == 0) return;
        unchecked {
            // The same as owed * amount >= price * time, as the prover decides it: by what a division leaves.
            assert(uint256(price) * time + amount - 1 < StreamLib.owed(price, amount, time) * amount + amount);
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

    /// @notice What can be paid for at once has 120 bits, as what is divided has.
    function testProve_aMonthFits(uint96 price, uint32 amount, uint32 time) external pure {
        if (amount == 0 || time > 30 days) return;
        assert(StreamLib.owed(price, amount, time) < 2 ** 120);
    }

    function testProve_noTimeCostsNothing(uint96 price, uint32 amount) external pure {
        if (amount == 0) return;
        assert(StreamLib.owed(price, amount, 0) == 0);
    }
}

/// @title StreamParts: an amount is divided without a rest.
contract StreamParts is ShareFacts {
    /// @notice What is left beside a part never shrinks either: a step of a total is never less than the step of its part.
    /// @dev Of the lemmas on shares alone, as in `ShareInduction`: of `before` a share had less than `most`, a unit more
    /// than its part was; of that and `more` it has `part`.
    function testProve_whatAPartLeavesNeverShrinks(
        uint120 before,
        uint120 more,
        uint16 share,
        uint16 whole,
        uint120 most,
        uint120 part
    ) external pure {
        uint256 bound = uint256(most) + more;
        if (!_haveNearlyAll(before, whole, most, share)) return;
        if (!_haveNotMore(uint256(before) + more, whole, part, share)) return;
        if (!_fits(before, share) || !_fits(more, whole) || !_fits(most, whole)) return;
        if (!_distributes(before, more, share) || !_distributes(most, more, whole)) return;
        unchecked {
            if (uint256(more) * share > uint256(more) * whole) return;
        }
        if (!_keepsOrder(bound, part, whole)) return;
        assert(part < bound);
    }

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
    /// @dev Of one price, as the next: so the prover finds the example at once.
    function refute_timeCostsExactlyItsShare(uint48 time) external pure {
        (uint256 price, uint256 amount) = (1, 30 days);
        assert(StreamLib.owed(price, amount, time) * amount == price * time);
    }

    function refute_timeInTwoPiecesCostsTheSame(uint40 one, uint40 other) external pure {
        (uint256 price, uint256 amount) = (1, 30 days);
        uint256 whole = StreamLib.owed(price, amount, uint256(one) + other);
        assert(StreamLib.owed(price, amount, one) + StreamLib.owed(price, amount, other) == whole);
    }
}
