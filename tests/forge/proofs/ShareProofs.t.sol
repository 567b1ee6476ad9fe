// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {ShareTable} from "../../../contracts/libraries/ShareTable.sol";

/// @title ShareFacts: what is said of the arithmetic of shares.
/// @dev Proven by halmos (`make prove`), fuzzed by forge. What one contract here proves for all values, another may take
/// for granted, by returning where it does not hold.
abstract contract ShareFacts {
    /// @notice Some payees who hold `shares` of the `whole` have had `paid` of `total`: not more than their ideal.
    function _haveNotMore(uint256 total, uint256 whole, uint256 paid, uint256 shares)
        internal
        pure
        returns (bool)
    {
        unchecked {
            return paid * whole <= total * shares;
        }
    }

    /// @notice They have had nearly their ideal: with a unit more for each of them, `most`, it were above.
    function _haveNearlyAll(uint256 total, uint256 whole, uint256 most, uint256 shares)
        internal
        pure
        returns (bool)
    {
        unchecked {
            return total * shares < most * whole;
        }
    }

    /// @notice The same of one payee, whose `paid` has no unit more yet.
    function _hasNearlyAll(uint256 total, uint256 whole, uint256 paid, uint256 share)
        internal
        pure
        returns (bool)
    {
        unchecked {
            return total * share < paid * whole + whole;
        }
    }

    /// @notice Products can be added up. True of any numbers modulo 2**256.
    function _distributes(uint256 one, uint256 other, uint256 factor) internal pure returns (bool) {
        unchecked {
            return (one + other) * factor == one * factor + other * factor;
        }
    }

    /// @notice Of 128 and 40 bits: the product is far from overflowing.
    function _fits(uint256 one, uint256 factor) internal pure returns (bool) {
        unchecked {
            return one * factor < 2 ** 168;
        }
    }

    /// @notice Of 128 bits, and a factor of 40 bits above zero: products are ordered as the numbers are.
    function _keepsOrder(uint256 one, uint256 other, uint256 factor) internal pure returns (bool) {
        unchecked {
            return (one * factor <= other * factor) == (one <= other);
        }
    }
}

/// @title ShareLemmas: products and quotients at their full width, decided on integers.
contract ShareLemmas is ShareFacts {
    function testProve_aPartIsNotMoreThanItsShare(uint120 total, uint32 share, uint40 whole) external pure {
        if (whole == 0) return;
        assert(_haveNotMore(total, whole, ShareTable.part(total, share, whole), share));
    }

    function testProve_aPartIsLessThanAUnitBelowItsShare(uint120 total, uint32 share, uint40 whole)
        external
        pure
    {
        if (whole == 0) return;
        assert(_hasNearlyAll(total, whole, ShareTable.part(total, share, whole), share));
    }

    function testProve_aPartNeverShrinks(uint120 before, uint120 total, uint32 share, uint40 whole)
        external
        pure
    {
        if (before > total || whole == 0) return;
        assert(ShareTable.part(before, share, whole) <= ShareTable.part(total, share, whole));
    }

    function testProve_aPartIsNotMoreThanTheTotal(uint120 total, uint32 share, uint40 whole) external pure {
        if (share > whole || whole == 0) return;
        assert(ShareTable.part(total, share, whole) <= total);
    }

    function testProve_productsAddUp(uint256 one, uint256 other, uint256 factor) external pure {
        assert(_distributes(one, other, factor));
    }

    function testProve_productsFit(uint128 one, uint40 factor) external pure {
        assert(_fits(one, factor));
    }

    function testProve_productsKeepTheOrder(uint128 one, uint128 other, uint40 factor) external pure {
        if (factor == 0) return;
        assert(_keepsOrder(one, other, factor));
    }

    function testProve_productsOfATotalKeepTheOrder(uint120 total, uint40 one, uint40 other) external pure {
        if (one > other) return;
        unchecked {
            assert(uint256(total) * one <= uint256(total) * other);
        }
    }
}

/// @title ShareInduction: from one payee to all of them, of the lemmas alone: products stay unopened.
contract ShareInduction is ShareFacts {
    /// More than any total, with a unit for each payee.
    uint256 private constant MOST = 2 ** 121;

    /// @notice One payee, counted as a group.
    function testProve_onePayeeIsAGroup(uint120 total, uint40 whole, uint120 paid, uint32 share)
        external
        pure
    {
        if (!_hasNearlyAll(total, whole, paid, share) || !_distributes(paid, 1, whole)) return;
        assert(_haveNearlyAll(total, whole, uint256(paid) + 1, share));
    }

    /// @notice A payee and a group that have not more than their ideal have not more together either.
    function testProve_onePayeeMoreHasNotMore(
        uint120 total,
        uint40 whole,
        uint120 paid,
        uint120 paidToo,
        uint32 shares,
        uint40 sharesToo
    ) external pure {
        if (!_haveNotMore(total, whole, paid, shares) || !_haveNotMore(total, whole, paidToo, sharesToo)) return;
        if (!_fits(total, shares) || !_fits(total, sharesToo)) return;
        if (!_distributes(paid, paidToo, whole) || !_distributes(shares, sharesToo, total)) return;
        assert(_haveNotMore(total, whole, uint256(paid) + paidToo, uint256(shares) + sharesToo));
    }

    /// @notice A payee and a group that have nearly their ideal have nearly all of it together.
    function testProve_onePayeeMoreHasNearlyAll(
        uint120 total,
        uint40 whole,
        uint128 most,
        uint128 mostToo,
        uint32 shares,
        uint40 sharesToo
    ) external pure {
        if (most > MOST || mostToo > MOST || !_haveNearlyAll(total, whole, most, shares)) {
            return;
        }
        if (!_haveNearlyAll(total, whole, mostToo, sharesToo)) return;
        if (!_fits(most, whole) || !_fits(mostToo, whole)) return;
        if (!_distributes(most, mostToo, whole) || !_distributes(shares, sharesToo, total)) return;
        assert(_haveNearlyAll(total, whole, uint256(most) + mostToo, uint256(shares) + sharesToo));
    }

    /// @notice Who hold some of the shares have not more than who hold all.
    function testProve_aGroupHasNotMoreThanAll(uint120 total, uint40 whole, uint128 paid, uint40 shares)
        external
        pure
    {
        if (!_haveNotMore(total, whole, paid, shares)) return;
        unchecked {
            if (uint256(total) * shares > uint256(total) * whole) return;
        }
        assert(_haveNotMore(total, whole, paid, whole));
    }

    /// @notice Who hold all shares have not had more than there was.
    function testProve_togetherTheyHaveNotMoreThanAll(uint120 total, uint40 whole, uint128 paid)
        external
        pure
    {
        if (whole == 0 || !_haveNotMore(total, whole, paid, whole) || !_keepsOrder(paid, total, whole)) {
            return;
        }
        assert(paid <= total);
    }

    /// @notice Who hold all shares have had all but less than a unit each.
    function testProve_togetherTheyHaveNearlyAll(uint120 total, uint40 whole, uint128 most) external pure {
        if (whole == 0 || !_haveNearlyAll(total, whole, most, whole) || !_keepsOrder(most, total, whole)) {
            return;
        }
        assert(total < most);
    }
}

/// @title ShareTables: entries and sums come back as they were set.
contract ShareTables {
    function testProve_aTableKeepsWhatWasSet(address[5] calldata payees, uint32[5] calldata shares)
        external
        pure
    {
        bytes memory table = ShareTable.create(5);
        uint256 sum;
        for (uint256 i = 0; i < 5; ++i) {
            ShareTable.set(table, i, payees[i], shares[i]);
            sum += shares[i];
        }
        assert(ShareTable.size(table) == 5 && ShareTable.sum(table) == sum);
        for (uint256 i = 0; i < 5; ++i) {
            assert(ShareTable.payeeAt(table, i) == payees[i] && ShareTable.shareAt(table, i) == shares[i]);
        }
    }

    /// @notice What several have had together is the sum of what each has had.
    function testProve_partsAreTheSumOfEach(uint32[3] calldata shares, uint120 total, uint40 shareSum)
        external
        pure
    {
        bytes memory table = ShareTable.create(3);
        for (uint256 i = 0; i < 3; ++i) {
            ShareTable.set(table, i, address(uint160(i)), shares[i]);
        }
        for (uint256 first = 0; first < 3; ++first) {
            uint256 sum = 0;
            assert(ShareTable.partsOf(table, first, first, total, shareSum) == 0);
            for (uint256 i = first; i < 3; ++i) {
                unchecked {
                    sum += ShareTable.part(total, shares[i], shareSum);
                }
                assert(ShareTable.partsOf(table, first, i + 1, total, shareSum) == sum);
            }
        }
    }
}

/// @title ShareRefutations: what is false, so that a prover which believes anything is noticed.
contract ShareRefutations is ShareFacts {
    function refute_nothingIsEverLeft(uint120 total, uint32 one, uint32 other) external pure {
        uint256 whole = uint256(one) + other;
        if (whole == 0) return;
        uint256 paid = ShareTable.part(total, one, whole) + ShareTable.part(total, other, whole);
        assert(paid == total);
    }

    function refute_aPartIsTheFloorAtAnyWidth(uint256 total, uint32 share, uint40 whole) external pure {
        if (whole == 0 || share > whole) return;
        assert(ShareTable.part(total, share, whole) >= total / whole || share == 0);
    }
}
